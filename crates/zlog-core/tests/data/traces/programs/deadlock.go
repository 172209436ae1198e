package main

func main() {
	<-make(chan bool)
}

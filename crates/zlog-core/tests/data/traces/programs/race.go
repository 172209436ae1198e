package main

import "fmt"

func main() {
	count, done := 0, make(chan bool)
	go func() { count++; close(done) }()
	count++
	<-done
	fmt.Println(count)
}

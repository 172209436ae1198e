package main

import (
	"fmt"
	"log"
	"os"
)

func check(values []int) { fmt.Println(values[5]) }

func main() {
	log.SetFlags(log.LstdFlags)
	log.Println("INFO up")
	if len(os.Args) > 1 {
		defer func() { panic(fmt.Errorf("while closing:\n%v", recover())) }()
	}
	done := make(chan bool)
	go func() { select {} }()
	if len(os.Args) > 2 {
		<-done
	}
	var p *int
	if len(os.Args) == 1 {
		*p = 1
	}
	check(nil)
}

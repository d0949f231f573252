package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// forward serves listeners it was given as open files from another network namespace: "FD=HOST:PORT" each. Connections
// are dialled in the namespace the process runs in, which is how a port on 127.0.0.1 leads into an isolated cluster.
func forward(arguments []string) error {
	failed := make(chan error)
	for _, argument := range arguments {
		number, target, found := cut(argument)
		if !found {
			return fmt.Errorf("%q is not FD=HOST:PORT", argument)
		}
		listener, err := net.FileListener(os.NewFile(number, argument))
		if err != nil {
			return err
		}
		go func() { failed <- serve(listener, target) }()
	}
	return <-failed
}

func cut(argument string) (uintptr, string, bool) {
	for index, letter := range argument {
		if letter == '=' {
			number, err := strconv.Atoi(argument[:index])
			return uintptr(number), argument[index+1:], err == nil
		}
	}
	return 0, "", false
}

func serve(listener net.Listener, target string) error {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			// Out of file descriptors, most likely: others will close theirs.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go connect(client, target)
	}
}

func connect(client net.Conn, target string) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	go pipe(server, client, done)
	go pipe(client, server, done)
	<-done
	<-done
}

// pipe passes an end of file on and leaves the other direction open, as TCP itself would.
func pipe(to, from net.Conn, done chan<- struct{}) {
	_, err := io.Copy(to, from)
	if half, ok := to.(*net.TCPConn); ok && err == nil {
		_ = half.CloseWrite()
	} else {
		_ = to.Close()
	}
	done <- struct{}{}
}

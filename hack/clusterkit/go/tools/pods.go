package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// pause holds a pod's namespaces open and reaps what is orphaned in a shared process namespace.
func pause(_ []string) error {
	children, stop := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	for {
		select {
		case <-stop:
			return nil
		case <-children:
			for {
				pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
				if pid <= 0 || err != nil {
					break
				}
			}
		}
	}
}

// fetch prints what a URL answers; busybox's wget, linked statically, cannot resolve names.
func fetch(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("usage: fetch URL")
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(arguments[0])
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return errors.New(answer.Status)
	}
	return nil
}

// lookup asks one name server, and no other, for a name's addresses.
func lookup(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: lookup SERVER NAME")
	}
	dialer := net.Dialer{Timeout: time.Second}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, net.JoinHostPort(arguments[0], "53"))
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	found, err := resolver.LookupHost(ctx, arguments[1])
	for _, address := range found {
		fmt.Println(address)
	}
	return err
}

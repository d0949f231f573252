// Command tools is what the cluster needs beside Kubernetes, in one small static file that picks its job by name.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

var programs = map[string]func(arguments []string) error{
	"bridge":  recordPlugin,
	"fetch":   fetch,
	"forward": forward,
	"lookup":  lookup,
	"pause":   pause,
}

func main() {
	name := filepath.Base(os.Args[0])
	run, known := programs[name]
	if !known {
		fmt.Fprintf(os.Stderr, "tools: %q is no name this file goes by\n", name)
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

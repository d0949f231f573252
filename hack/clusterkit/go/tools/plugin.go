package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// record is one line of the CNI log: when the plugin was called and when it answered, by the machine's clock.
type record struct {
	Command     string   `json:"command"`
	StartNS     int64    `json:"start_ns"`
	EndNS       int64    `json:"end_ns"`
	ContainerID string   `json:"container_id"`
	Namespace   string   `json:"namespace"`
	Pod         string   `json:"pod"`
	UID         string   `json:"uid"`
	IPs         []string `json:"ips,omitempty"`
	OK          bool     `json:"ok"`
}

// recordPlugin stands in front of the real bridge plugin, whose path the network configuration names, and notes
// when it was called. The log is appended with one write a line, so that plugins running at once do not mix.
func recordPlugin(_ []string) error {
	start := time.Now()
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var network struct {
		Plugin string `json:"recordedPlugin"`
		Log    string `json:"recordedTo"`
	}
	if err := json.Unmarshal(input, &network); err != nil {
		return err
	}
	var output bytes.Buffer
	command := exec.Command(network.Plugin)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &output, os.Stderr
	failure := command.Run()
	if os.Getenv("CNI_COMMAND") != "VERSION" {
		note(network.Log, start, time.Now(), output.Bytes(), failure == nil)
	}
	_, _ = os.Stdout.Write(output.Bytes())
	if exit, ok := failure.(*exec.ExitError); ok {
		os.Exit(exit.ExitCode())
	}
	return failure
}

func note(path string, start, end time.Time, output []byte, ok bool) {
	arguments := map[string]string{}
	for _, pair := range strings.Split(os.Getenv("CNI_ARGS"), ";") {
		key, value, _ := strings.Cut(pair, "=")
		arguments[key] = value
	}
	line, err := json.Marshal(record{
		Command: os.Getenv("CNI_COMMAND"), StartNS: start.UnixNano(), EndNS: end.UnixNano(),
		ContainerID: os.Getenv("CNI_CONTAINERID"), Namespace: arguments["K8S_POD_NAMESPACE"],
		Pod: arguments["K8S_POD_NAME"], UID: arguments["K8S_POD_UID"], IPs: addresses(output), OK: ok,
	})
	if err != nil {
		return
	}
	log, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer log.Close()
	_, _ = log.Write(append(line, '\n'))
}

func addresses(output []byte) []string {
	var result struct {
		IPs []struct {
			Address string `json:"address"`
		} `json:"ips"`
	}
	// A failed call answers with an error object, a DEL with nothing: both have no addresses.
	_ = json.Unmarshal(output, &result)
	found := make([]string, 0, len(result.IPs))
	for _, ip := range result.IPs {
		found = append(found, ip.Address)
	}
	return found
}

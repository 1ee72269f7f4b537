// An application on Go Chassis, or a course of calls of its client of the registry, for the suite verify/tests/interop.
// It must use the SDK as its users do, and never talk to another registry than the one that it is given.
package main

import (
	"fmt"
	"net/http"
	"os"
)

// Asked before the SDK is started: sc-client turns silently to 127.0.0.1:30100 where its own address does not accept.
const readiness = "/v4/default/registry/health/readiness"

func main() {
	registry := os.Getenv("PAAS_CSE_SC_ENDPOINT")
	role := "application"
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	err := accepts(registry)
	if err == nil {
		err = run(role, registry)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(role, registry string) error {
	switch role {
	case "application":
		return serve()
	case "registry":
		return walk(registry)
	}
	return fmt.Errorf("%q is no role: application or registry", role)
}

func accepts(registry string) error {
	answer, err := http.Get(registry + readiness)
	if err != nil {
		return fmt.Errorf("PAAS_CSE_SC_ENDPOINT: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s answers %s", registry, readiness, answer.Status)
	}
	return nil
}

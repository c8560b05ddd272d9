package libp2padapter

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const (
	// exampleVariable names the example's program, where it was built already.
	exampleVariable = "ROLLBOOK_EXAMPLE"
	// addedMax lines make a node of a program.
	addedMax = 30
)

// added are the lines of code that the example has more than the program that it was made of.
func added(t *testing.T) []string {
	t.Helper()
	lines := func(name string) []string {
		text, err := os.ReadFile(filepath.Join("examples/embed", name, "main.go"))
		must(t, err)
		_, code, _ := strings.Cut(string(text), "package main\n")
		return strings.Split(code, "\n")
	}
	var added []string
	before := lines("before")
	for _, line := range lines("after") {
		if len(before) > 0 && line == before[0] {
			before = before[1:]
			continue
		}
		added = append(added, line)
	}
	if len(before) > 0 {
		t.Fatalf("lines of the program are gone or others: %q", before)
	}
	return added
}

func TestTheExampleAddsFewLinesAndIsInTheDocuments(t *testing.T) {
	added := added(t)
	if len(added) >= addedMax {
		t.Errorf("it adds %d lines", len(added))
	}
	page, err := os.ReadFile("../../docs/go.md")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("there are no documents around this module")
	}
	must(t, err)
	there := strings.Split(string(page), "\n")
	for _, line := range added {
		if !slices.ContainsFunc(there, func(other string) bool { return strings.TrimSpace(other) == strings.TrimSpace(line) }) {
			t.Errorf("docs/go.md lacks: %s", line)
		}
	}
}

// example builds the example, unless that was done.
func example(t *testing.T) string {
	t.Helper()
	if built := os.Getenv(exampleVariable); built != "" {
		return built
	}
	program := filepath.Join(t.TempDir(), "example")
	printed, err := exec.Command("go", "build", "-o", program, "./examples/embed/after").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	return program
}

func TestTheExampleIsANodeOfANetwork(t *testing.T) {
	binary(t)
	program, folder := example(t), t.TempDir()
	authority := startStandalone(t, "main", filepath.Join(folder, "standalone"), listenOn(0), nil)
	cmd := exec.Command(program, "-folder", folder, "-listen", "/ip4/127.0.0.1/tcp/0", "-authority", authority.api.Listen[0])
	said, err := os.Create(filepath.Join(folder, "said"))
	must(t, err)
	defer func() { must(t, said.Close()) }()
	cmd.Stdout, cmd.Stderr = said, os.Stderr
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()
	seenAs := func(presence string) error {
		text, err := os.ReadFile(said.Name())
		if err != nil {
			return err
		}
		line, _, _ := strings.Cut(string(text), "\n")
		var seen struct{ Presence, Agent string }
		if err := authority.get("/api/v1/nodes/"+strings.TrimPrefix(line, "I am "), &seen); err != nil {
			return err
		}
		if seen.Presence != presence || seen.Agent != "example/1" || !strings.Contains(string(text), "joined") {
			return fmt.Errorf("%+v; it said: %s", seen, text)
		}
		return nil
	}
	eventually(t, "the example is online", func() error { return seenAs("online") })
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Fatalf("it did not end well: %v", err)
	}
	eventually(t, "the example left", func() error { return seenAs("left") })
}

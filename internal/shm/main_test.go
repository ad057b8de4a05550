//go:build linux

package shm

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The tests need other processes that share an arena. The test binary executes
// itself for that: the environment says what the child is to do.
const scenarioVariable = "MP_SHM_SCENARIO"

// alone begins the names of scenarios of processes without an arena of their parent's.
const alone = "alone: "

// scenarios is what children can do, by name.
var scenarios = make(map[string]func(c *insider))

// scenario registers what a child can do.
func scenario(name string, run func(c *insider)) string {
	scenarios[name] = run
	return name
}

func TestMain(m *testing.M) {
	if name := os.Getenv(scenarioVariable); name != "" {
		child(name)
	}
	os.Exit(m.Run())
}

// An insider is a child's view of itself: it talks to its parent in lines.
type insider struct {
	a     *Arena
	lines chan string
}

// child runs a scenario in a child, which ends with it, or with its parent.
func child(name string) {
	run := scenarios[name]
	if run == nil {
		fmt.Fprintln(os.Stderr, "no scenario", name)
		os.Exit(4)
	}
	c := &insider{lines: make(chan string, 1000)}
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			c.lines <- in.Text()
		}
		os.Exit(3) // the parent is gone
	}()
	if !strings.HasPrefix(name, alone) {
		Inherit(os.NewFile(3, "arena"))
	}
	a, err := Default()
	if err != nil {
		c.say("error: %v", err)
		os.Exit(1)
	}
	c.a = a
	run(c)
	os.Exit(0)
}

// say tells the parent a line.
func (c *insider) say(format string, args ...any) {
	fmt.Fprintf(os.Stdout, format+"\n", args...)
}

// hear waits for a line of the parent.
func (c *insider) hear() string { return <-c.lines }

// must ends the child if there is an error.
func (c *insider) must(err error) {
	if err != nil {
		c.say("error: %v", err)
		os.Exit(1)
	}
}

// open opens the object that the parent names.
func (c *insider) open(ref string) *Object {
	o, err := c.a.Open(parseRef(ref))
	c.must(err)
	return o
}

func refText(r Ref) string { return fmt.Sprintf("%d:%d:%d:%d", r.Cell, r.Generation, r.Kind, r.Hash) }

func parseRef(text string) (r Ref) {
	if _, err := fmt.Sscanf(text, "%d:%d:%d:%d", &r.Cell, &r.Generation, &r.Kind, &r.Hash); err != nil {
		panic(text + ": " + err.Error())
	}
	return r
}

// forever ends with the process.
func forever() { <-make(chan struct{}) }

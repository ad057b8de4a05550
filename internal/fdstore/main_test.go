//go:build linux

package fdstore

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/leaktest"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/spawn"
)

// familyVariable is in the environment of a program that is no child of these tests,
// but has a family of its own.
const familyVariable = "MP_FDSTORE_FAMILY"

var errRefused = errors.New("not today")

// scenarios is what children can do, by name.
var scenarios = make(map[string]func(c *insider))

// scenario registers what a child can do.
func scenario(name string, run func(c *insider)) string {
	scenarios[name] = run
	return name
}

// TestMain is the main function of the stores and of the other children, too.
func TestMain(m *testing.M) {
	storeName("store")
	if in := spawn.Child(); in != nil {
		s, err := in.Setup()
		switch {
		case err != nil:
			in.Refuse(err)
		case s.Role == spawn.Target:
			beMember(in, s)
		case s.Name == "refuse":
			in.Refuse(errRefused)
		case s.Name == "die":
			os.Exit(0)
		}
		if err := Serve(in); err != nil {
			os.Exit(1)
		}
		shm.Leave()
		os.Exit(0)
	}
	if what := os.Getenv(familyVariable); what != "" {
		os.Unsetenv(familyVariable)
		scenarios[what](nil)
		os.Exit(0)
	}
	os.Exit(leaktest.Run(m))
}

// storeName has the stores that this process starts bear a name.
func storeName(name string) {
	Setup = func() spawn.Setup { return spawn.Setup{Name: name} }
}

// An insider is a child's view of itself: it talks to its parent in lines.
type insider struct {
	in    *spawn.Inheritance
	args  []string
	lines chan string
}

// beMember runs a scenario in a child, which ends with it, or with its parent.
func beMember(in *spawn.Inheritance, s *spawn.Setup) {
	c := &insider{in: in, args: strings.Split(string(s.Arg), "\n"), lines: make(chan string, 100)}
	go func() {
		for {
			f, err := in.Control.Next()
			if err != nil {
				os.Exit(3) // the parent is gone
			}
			c.lines <- string(f.Body)
		}
	}()
	if s.Name == "store" || scenarios[s.Name] == nil {
		in.Refuse(fmt.Errorf("no scenario %q", s.Name))
	}
	_ = in.Send(ipc.KindHello, nil)
	scenarios[s.Name](c)
	shm.Leave()
	os.Exit(0)
}

// say tells the parent a line.
func (c *insider) say(format string, args ...any) {
	if err := c.in.Send(ipc.KindReport, fmt.Appendf(nil, format, args...)); err != nil {
		os.Exit(3)
	}
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

// forever ends with the process.
func forever() { <-make(chan struct{}) }

package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
)

// ErrUsage is matched by errors about the command line.
var ErrUsage = errors.New("usage")

// Command is `mp bench`.
type Command struct {
	// Self is the command line of mp, which is executed for every measurement.
	Self []string
	// Workloads are what can be run, in the order of the table.
	Workloads []*Workload
	// Workers is how many workers a role uses that uses several.
	Workers int
	// Stdout gets the table, Stderr the progress.
	Stdout, Stderr io.Writer
}

// settings are the flags.
type settings struct {
	list   bool
	json   string
	run    *regexp.Regexp
	rounds int
}

// Run parses the flags and does what they ask for. Its error matches ErrUsage if
// they are wrong, and names all workloads that have failed; the table and the
// JSON file then have the others.
func (c *Command) Run(ctx context.Context, args []string) error {
	set, err := c.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	chosen := c.choose(set.run)
	if len(chosen) == 0 {
		return fmt.Errorf("%w: no workload matches %q; mp bench -list lists them", ErrUsage, set.run)
	}
	if set.list {
		return c.list(chosen)
	}
	return c.measure(ctx, set, chosen)
}

func (c *Command) parse(args []string) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("mp bench", flag.ContinueOnError)
	fs.SetOutput(c.Stderr)
	fs.BoolVar(&s.list, "list", false, "list the workloads and their figures, and run nothing")
	fs.StringVar(&s.json, "json", "", "write the figures to `FILE`, as JSON")
	pattern := fs.String("run", "", "run only workloads that have a name, or a figure with a name, that matches `REGEXP`")
	fs.IntVar(&s.rounds, "rounds", enoughRounds, "take `N` measurements of each; fewer than 7 only show that it works")
	if err := fs.Parse(args); err != nil {
		return s, err
	}
	if fs.NArg() > 0 {
		return s, fmt.Errorf("mp bench takes flags only, not %q", fs.Arg(0))
	}
	if s.rounds < 1 {
		return s, fmt.Errorf("-rounds %d: at least one is needed", s.rounds)
	}
	var err error
	if s.run, err = regexp.Compile(*pattern); err != nil {
		return s, fmt.Errorf("-run: %w", err)
	}
	return s, nil
}

// choose returns the workloads that the pattern selects, by their name or by
// that of a metric.
func (c *Command) choose(pattern *regexp.Regexp) []*Workload {
	var chosen []*Workload
	for _, w := range c.Workloads {
		match := pattern.MatchString(w.Name)
		for _, m := range w.Metrics {
			match = match || pattern.MatchString(m.Name)
		}
		if match {
			chosen = append(chosen, w)
		}
	}
	return chosen
}

// list prints the workloads, and below each the figures that have other names.
func (c *Command) list(workloads []*Workload) error {
	var lines [][]string
	for _, w := range workloads {
		lines = append(lines, []string{w.Name, w.Doc})
		for _, m := range w.Metrics {
			if m.Name != w.Name {
				lines = append(lines, []string{"  " + m.Name, fmt.Sprintf("in %s, %s is better", m.Unit, m.Better)})
			}
		}
	}
	return align(c.Stdout, lines, 2)
}

// measure runs the workloads and reports.
func (c *Command) measure(ctx context.Context, set settings, chosen []*Workload) error {
	if set.json != "" { // now rather than after minutes
		f, err := os.OpenFile(set.json, os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			return fmt.Errorf("-json: %w", err)
		}
		defer f.Close()
	}
	file, remove, err := writeScript()
	if err != nil {
		return err
	}
	defer remove()
	f := footer{workers: c.Workers, rounds: set.rounds, pythons: FindPythons(ctx)}
	r := &runner{
		launcher: processes{self: c.Self, script: file},
		pythons:  f.pythons, workers: c.Workers, rounds: set.rounds, progress: c.Stderr,
	}
	var failure error
	before := readClock()
	f.outcomes, failure = r.runAll(ctx, chosen)
	f.others = readClock().othersSince(before)
	rows := pick(f.outcomes, set.run)
	if len(rows) > 0 {
		if err := writeTable(c.Stdout, rows); err != nil {
			return err
		}
		f.write(c.Stdout)
	}
	if set.json == "" {
		return failure
	}
	out, err := os.Create(set.json)
	if err != nil {
		return errors.Join(failure, err)
	}
	return errors.Join(failure, writeJSON(out, rows), out.Close())
}

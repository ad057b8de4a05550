package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// launcher takes one measurement in a fresh process. python is that of the role
// CPython.
type launcher interface {
	launch(ctx context.Context, w *Workload, r Role, python Python, p Params) (Result, error)
}

// processes is the launcher that starts processes.
type processes struct {
	self   []string // the command line of mp
	script string   // the path of bench.py
}

// patience is how long a measurement may take before it counts as hung.
const patience = 25 * time.Second

func (l processes) launch(ctx context.Context, w *Workload, r Role, python Python, p Params) (Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took more than %v", patience))
	defer cancel()
	args, err := l.args(w, r, python, p)
	if err != nil {
		return Result{}, err
	}
	out, err := run(ctx, args)
	if err != nil {
		return Result{}, err
	}
	res, err := parseResult(out)
	if err != nil {
		return Result{}, err
	}
	return res, res.check(w)
}

// args returns the command line of a measurement.
func (l processes) args(w *Workload, r Role, python Python, p Params) ([]string, error) {
	if r == CPython {
		return []string{python.Path, l.script, w.Name, strconv.Itoa(p.Workers),
			strconv.FormatFloat(p.Budget.Seconds(), 'g', -1, 64)}, nil
	}
	params, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	args := append([]string(nil), l.self...)
	return append(args, ChildCommand, w.Name, string(r), string(params)), nil
}

// run runs a command to its end and returns its stdout. Its error says how it
// failed, with the first and last lines of stderr. The command is the leader of
// a process group, which is killed with it.
func run(ctx context.Context, args []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	leadGroup(cmd)
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if said := excerpt(stderr.String()); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return nil, err
}

// excerpt shortens what a failed process has said to its beginning and its end:
// a Go program dies with the reason first, a Python program with the reason last.
func excerpt(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > 4 {
		lines = []string{lines[0], lines[1], "...", lines[len(lines)-1]}
	}
	return strings.Join(lines, "\n\t")
}

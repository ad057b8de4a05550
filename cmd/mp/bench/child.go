package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// ChildCommand is the hidden sub-command of mp that takes one measurement; its
// arguments are a workload, a role and Params as JSON.
const ChildCommand = "bench-child"

// Child is the sub-command ChildCommand. What goes wrong, a wrong result among
// it, is its error, and then it prints nothing.
func Child(ctx context.Context, workloads []*Workload, args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("%s: want a workload, a role and parameters, have %q", ChildCommand, args)
	}
	w := find(workloads, args[0])
	if w == nil {
		return fmt.Errorf("%s: there is no workload %q", ChildCommand, args[0])
	}
	measure := w.measure(Role(args[1]))
	if measure == nil {
		return fmt.Errorf("%s: workload %s has no role %q", ChildCommand, w.Name, args[1])
	}
	var p Params
	if err := json.Unmarshal([]byte(args[2]), &p); err != nil {
		return fmt.Errorf("%s: parameters: %w", ChildCommand, err)
	}
	values, err := measure(ctx, p)
	if err != nil {
		return err
	}
	for name, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New(name + " came out as no number")
		}
	}
	return json.NewEncoder(stdout).Encode(Result{Values: values, Checked: true})
}

func find(workloads []*Workload, name string) *Workload {
	for _, w := range workloads {
		if w.Name == name {
			return w
		}
	}
	return nil
}

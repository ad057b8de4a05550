package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Result is the line of JSON that a measuring process prints last on stdout. A
// process that has found a wrong result says so on stderr, prints none, and
// exits with a code that is not 0.
type Result struct {
	Values  Values `json:"values"`
	Checked bool   `json:"checked"` // all results were compared with the right ones
}

// parseResult reads the output of a measuring process. Lines before the last one
// are somebody else's.
func parseResult(out []byte) (Result, error) {
	out = bytes.TrimSpace(out)
	line := out[bytes.LastIndexByte(out, '\n')+1:]
	if len(line) == 0 {
		return Result{}, errors.New("printed no result")
	}
	var r Result
	if err := json.Unmarshal(line, &r); err != nil {
		return Result{}, fmt.Errorf("printed %.80q instead of a result: %w", line, err)
	}
	return r, nil
}

// check says what a result lacks to be the workload's.
func (r Result) check(w *Workload) error {
	if !r.Checked {
		return errors.New("its results were not checked")
	}
	for _, m := range w.Metrics {
		v, ok := r.Values[m.Name]
		switch {
		case !ok:
			return fmt.Errorf("it has no figure for %s", m.Name)
		case !(v > 0) || math.IsInf(v, 0):
			return fmt.Errorf("%s is %v, which cannot be", m.Name, v)
		}
	}
	return nil
}

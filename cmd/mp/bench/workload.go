package bench

import (
	"context"
	"time"
)

// Role is who is measured.
type Role string

// The roles of a workload.
const (
	Ours       Role = "ours"       // package mp
	CPython    Role = "cpython"    // its model
	Goroutines Role = "goroutines" // the same work without processes
	Limit      Role = "limit"      // what the machine allows at best
)

// Metric is one figure of a workload, and one row of the table.
type Metric struct {
	Name   string
	Unit   string
	Better Better
}

// Params are what the processes that measure a workload get to know. They are
// the same for all roles.
type Params struct {
	// Workers is how many workers a role uses that uses several.
	Workers int `json:"workers"`
	// Budget is how long a measurement may repeat its work.
	Budget time.Duration `json:"budget"`
	// Steps is the length of calibrated work, for workloads that have some.
	Steps uint64 `json:"steps,omitempty"`
	// Checksum is what the results of calibrated work have to come to.
	Checksum uint64 `json:"checksum,omitempty"`
	// Size is how many bytes the work is on, for workloads that need more memory
	// than every machine has.
	Size uint64 `json:"size,omitempty"`
	// Note says what is different on this machine. It is for the report only.
	Note string `json:"-"`
}

// Values are the figures of one measurement, by the names of the metrics.
type Values map[string]float64

// Measure measures one role, in a process of its own. It returns an error if any
// result was wrong.
type Measure func(ctx context.Context, p Params) (Values, error)

// Workload is something that package mp and its rivals do.
type Workload struct {
	Name    string
	Doc     string // one line
	Metrics []Metric

	// Note, if not empty, is what one has to know to read the figures. It stands
	// below the table.
	Note string

	// Ours is never nil. Goroutines and Limit are nil where there is no such
	// rival.
	Ours, Goroutines, Limit Measure
	// CPython says that the script has this workload.
	CPython bool
	// GoroutinesAreLimit says that nothing can be faster than the goroutines, so
	// that their figure is the limit's, too.
	GoroutinesAreLimit bool
	// Together measures all roles of a round at the same time, for workloads that
	// mostly wait.
	Together bool
	// Budget is that of Params. Zero means DefaultBudget.
	Budget time.Duration
	// Prepare, if not nil, completes the parameters before the first round.
	Prepare func(*Params)
}

// DefaultBudget keeps a workload with three rivals well under 30 seconds.
const DefaultBudget = 600 * time.Millisecond

// roles returns who takes part, ours first.
func (w *Workload) roles() []Role {
	roles := []Role{Ours}
	if w.CPython {
		roles = append(roles, CPython)
	}
	if w.Goroutines != nil {
		roles = append(roles, Goroutines)
	}
	if w.Limit != nil {
		roles = append(roles, Limit)
	}
	return roles
}

// measure returns the measurement of a role that is written in Go.
func (w *Workload) measure(r Role) Measure {
	switch r {
	case Ours:
		return w.Ours
	case Goroutines:
		return w.Goroutines
	case Limit:
		return w.Limit
	}
	return nil
}

package bench

import (
	"encoding/json"
	"io"
	"regexp"
)

// Row is the comparison of one figure, as it is in the JSON report.
type Row struct {
	Name   string   `json:"name"`
	Unit   string   `json:"unit"`
	Better Better   `json:"better"`
	Ours   float64  `json:"ours"` // the median, like those of the others
	Rivals figures  `json:"rivals"`
	Limit  *float64 `json:"limit,omitempty"` // nil: not known
	// Ratios compare ours with the rivals and the limit: above 1 means that we are
	// ahead.
	Ratios figures `json:"ratios"`
	Runs   int     `json:"runs"`
	Spread float64 `json:"spread"` // of ours: the distance of its quartiles, in medians
	// Note says what was different on this machine, and is mostly absent.
	Note string `json:"note,omitempty"`

	summary Summary // of ours
}

// figures are by role. One that was not measured is not there.
type figures map[Role]float64

// rows makes the rows of a workload.
func (o *outcome) rows() []Row {
	var rows []Row
	for _, m := range o.workload.Metrics {
		rows = append(rows, o.row(m))
	}
	return rows
}

func (o *outcome) row(m Metric) Row {
	ours := Summarize(o.figuresOf(Ours, m))
	row := Row{
		Name: m.Name, Unit: m.Unit, Better: m.Better,
		Ours: ours.Median, Rivals: figures{}, Ratios: figures{},
		Runs: ours.N, Spread: ours.Spread(), Note: o.note, summary: ours,
	}
	compare := func(r, as Role) (float64, bool) {
		s := Summarize(o.figuresOf(r, m))
		if s.N == 0 {
			return 0, false
		}
		row.Ratios[as] = m.Better.Ratio(row.Ours, s.Median)
		return s.Median, true
	}
	for _, r := range []Role{CPython, Goroutines} {
		if v, ok := compare(r, r); ok {
			row.Rivals[r] = v
		}
	}
	limit := Limit
	if o.workload.GoroutinesAreLimit {
		limit = Goroutines
	}
	if v, ok := compare(limit, Limit); ok {
		row.Limit = &v
	}
	return row
}

// figuresOf returns the figures of a role, a round each.
func (o *outcome) figuresOf(r Role, m Metric) []float64 {
	var all []float64
	for _, values := range o.samples[r] {
		if v, ok := values[m.Name]; ok {
			all = append(all, v)
		}
	}
	return all
}

// pick returns the rows of the outcomes that the pattern selects: a workload's
// name selects all its rows.
func pick(outcomes []*outcome, pattern *regexp.Regexp) []Row {
	rows := []Row{} // null is not an array
	for _, o := range outcomes {
		for _, row := range o.rows() {
			if pattern.MatchString(o.workload.Name) || pattern.MatchString(row.Name) {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// writeJSON writes the rows as an array.
func writeJSON(w io.Writer, rows []Row) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}

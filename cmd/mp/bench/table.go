package bench

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// absent stands where there is no such figure.
const absent = "-"

// writeTable writes the rows as aligned text.
func writeTable(w io.Writer, rows []Row) error {
	cells := [][]string{{"workload", "unit", "ours", "quartiles", "cpython", "goroutines", "limit", "/cpython", "/goroutines", "/limit"}}
	for _, r := range rows {
		limit := absent
		if r.Limit != nil {
			limit = figure(*r.Limit)
		}
		cells = append(cells, []string{
			r.Name, r.Unit, figure(r.Ours), figure(r.summary.Q1) + ".." + figure(r.summary.Q3),
			r.Rivals.text(CPython, figure), r.Rivals.text(Goroutines, figure), limit,
			r.Ratios.text(CPython, ratio), r.Ratios.text(Goroutines, ratio), r.Ratios.text(Limit, ratio),
		})
	}
	return align(w, cells, 2)
}

func (f figures) text(r Role, format func(float64) string) string {
	if v, ok := f[r]; ok {
		return format(v)
	}
	return absent
}

// figure shows a measured value with three or four digits.
func figure(v float64) string {
	switch {
	case v >= 1e8:
		return fmt.Sprintf("%.0fM", v/1e6)
	case v >= 1e6:
		return fmt.Sprintf("%.2fM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.1fk", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// ratio shows a ratio to three digits, but to two behind the point where it is
// near 1.
func ratio(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0fx", v)
	case v >= 10:
		return fmt.Sprintf("%.1fx", v)
	case v >= 0.1:
		return fmt.Sprintf("%.2fx", v)
	}
	return fmt.Sprintf("%.2gx", v)
}

// align writes lines of cells in columns: the first ones to the left, the others
// to the right.
func align(w io.Writer, lines [][]string, left int) error {
	var widths []int
	for _, cells := range lines {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range lines {
		var b strings.Builder
		for i, cell := range cells {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				b.WriteString("  ")
			}
			if i < left {
				b.WriteString(cell + pad)
			} else {
				b.WriteString(pad + cell)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

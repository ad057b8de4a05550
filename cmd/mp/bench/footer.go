package bench

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// enoughRounds is how many rounds a comparison has to have.
const enoughRounds = 7

// quiet is the share of the CPUs that others may have before they spoil figures.
const quiet = 0.05

// footer is what has to be known to judge the table above it.
type footer struct {
	others   float64 // the share of the CPUs that others had meanwhile
	workers  int
	rounds   int
	pythons  []Python
	outcomes []*outcome
}

func (f footer) write(w io.Writer) {
	fmt.Fprintln(w, "\nFigures are medians; a ratio above 1 means that we are ahead.")
	for _, o := range f.outcomes {
		for _, note := range []string{o.workload.Note, o.note} {
			if note != "" {
				fmt.Fprintf(w, "note: %s: %s\n", o.workload.Name, note)
			}
		}
	}
	fmt.Fprintf(w, "machine: %s, %d CPUs, Linux %s, %s %s/%s\n",
		cpuModel(), f.workers, firstLine("/proc/sys/kernel/osrelease"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "others: had %.0f %% of the CPUs meanwhile\n", f.others*100)
	if f.others > quiet {
		fmt.Fprintln(w, "        these are figures of a busy machine, latencies above all")
	}
	fmt.Fprintf(w, "rounds: %d, alternating, a fresh process for each measurement\n", f.rounds)
	if f.rounds < enoughRounds {
		fmt.Fprintf(w, "        fewer than %d are no comparison\n", enoughRounds)
	}
	fmt.Fprintln(w, f.pythonLine())
}

// pythonLine says which CPython was the rival, or that there was none.
func (f footer) pythonLine() string {
	if len(f.pythons) == 0 {
		return "missing: cpython (no CPython 3.8 or newer in PATH or under pyenv)"
	}
	var found []string
	for _, p := range f.pythons {
		found = append(found, p.Version)
	}
	var used []string // versions, in the order in which they come up
	names := make(map[string][]string)
	for _, o := range f.outcomes {
		v := o.python.Version
		if v == "" {
			continue
		}
		if names[v] == nil {
			used = append(used, v)
		}
		names[v] = append(names[v], o.workload.Name)
	}
	for i, v := range used {
		used[i] = fmt.Sprintf("%s for %s", v, strings.Join(names[v], ", "))
	}
	if len(used) == 0 {
		used = []string{"took part in none of these"}
	}
	return fmt.Sprintf("cpython: %s (the best of %s)", strings.Join(used, "; "), strings.Join(found, ", "))
}

// cpuModel returns the name of the processor, as far as the kernel tells it.
func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	return parseCPUModel(string(text))
}

func parseCPUModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

// firstLine returns the first line of a file of the kernel's, "?" without it.
func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "?"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

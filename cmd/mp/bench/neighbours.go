package bench

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// clock is what the CPUs of the machine have done since it started.
type clock struct {
	total, busy time.Duration // summed over CPUs
	own         time.Duration // of busy: this process and its descendants that have ended
}

// tick is the unit of /proc/stat: USER_HZ, which is 100 on all of Linux.
const tick = time.Second / 100

// readClock returns zero where the kernel does not tell.
func readClock() clock {
	text, _ := os.ReadFile("/proc/stat")
	c := parseStat(string(text))
	c.own = ownTime()
	return c
}

// parseStat reads the first line of /proc/stat: cpu user nice system idle iowait
// irq softirq steal, and more that user and nice include.
func parseStat(text string) clock {
	line, _, _ := strings.Cut(text, "\n")
	words := strings.Fields(line)
	if len(words) < 9 || words[0] != "cpu" {
		return clock{}
	}
	var c clock
	for i, word := range words[1:9] {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return clock{}
		}
		c.total += time.Duration(n) * tick
		if i != 3 && i != 4 {
			c.busy += time.Duration(n) * tick
		}
	}
	return c
}

// othersSince returns which share of the CPUs went to programs that are none of
// ours, or to other machines on the same host, from 0 to 1.
func (c clock) othersSince(before clock) float64 {
	total := c.total - before.total
	others := (c.busy - before.busy) - (c.own - before.own)
	if total <= 0 {
		return 0
	}
	return min(max(float64(others)/float64(total), 0), 1)
}

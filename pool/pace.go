package pool

import (
	"time"

	"github.com/multiproc/mp/internal/task"
)

// pace is how long the items of a task take: a moving average.
type pace struct {
	each float64 // nanoseconds; 0: not known
}

func (p *Pool) paceOf(d *task.Def) *pace {
	pc := p.pace[d]
	if pc == nil {
		pc = new(pace)
		p.pace[d] = pc
	}
	return pc
}

// observe takes a measurement in.
func (pc *pace) observe(items int, took time.Duration) {
	each := max(float64(took)/float64(items), 1)
	if pc.each == 0 {
		pc.each = each
		return
	}
	weight := min(0.3+float64(items)/1000, 0.8)
	pc.each += (each - pc.each) * weight
}

// expect is the time that an item is expected to take. A task of unknown pace
// gets a second item in advance, no more.
func (pc *pace) expect() float64 {
	if pc.each == 0 {
		return float64(window) / 2
	}
	return pc.each
}

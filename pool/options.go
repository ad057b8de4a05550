package pool

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/multiproc/mp"
)

// Options configure a pool. The zero value is a good choice.
type Options struct {
	// Workers is how many processes work. 0 means one for each CPU that this process
	// may use (mp.CPUCount). Negative, or more than 16,384, is an error. The GOMAXPROCS
	// of a worker is its share of the CPUs, at least 1.
	Workers int
	// Retries is how often a task is run again after its worker has died under
	// it. 0 means never, for a task may have done something before. Negative is
	// an error. A task that was killed for its time limit or context is not run again.
	Retries int
	// KillGrace is how long a task may take to return after its context has
	// ended, before its worker is killed. 0 means three seconds, negative at once.
	KillGrace time.Duration
	// Logger gets a record when a worker dies, is killed, is replaced or cannot be
	// started, and when a function given to OnDone or Progress panics. Nil means
	// silence, but for those panics, which then go to stderr.
	Logger *slog.Logger
	// Local runs the tasks on goroutines of this process instead, through the
	// same encoding and the same scheduler: Python's multiprocessing.dummy, for
	// debugging and tests. Nothing is contained then: a crash or os.Exit of a task
	// ends the program, and a task that has to be killed is abandoned instead.
	Local bool
}

const (
	defaultGrace = 3 * time.Second
	forEver      = 100 * 365 * 24 * time.Hour
)

// check fills in the defaults and refuses what makes no sense.
func (o Options) check() (Options, error) {
	switch {
	case o.Workers < 0:
		return o, fmt.Errorf("pool: Options.Workers is %d; it has to be positive, or 0 for one worker per CPU", o.Workers)
	case o.Workers > maxWorkers:
		return o, fmt.Errorf("pool: Options.Workers is %d; at most %d are possible", o.Workers, maxWorkers)
	case o.Retries < 0:
		return o, fmt.Errorf("pool: Options.Retries is %d; it cannot be negative", o.Retries)
	}
	if o.Workers == 0 {
		o.Workers = mp.CPUCount()
	}
	switch {
	case o.KillGrace == 0:
		o.KillGrace = defaultGrace
	case o.KillGrace < 0:
		o.KillGrace = 0
	}
	o.KillGrace = min(o.KillGrace, forEver) // so that it can be added to a time
	return o, nil
}

// maxWorkers is a bound against slips of the keyboard.
const maxWorkers = 1 << 14

// An Option changes how one call is run. One that means nothing to a call, such
// as ChunkSize to Apply, is ignored.
type Option func(*callOptions) error

type callOptions struct {
	chunk     int
	inFlight  int
	progress  func(done, total int)
	limit     time.Duration
	retries   int
	keepGoing bool
}

// ChunkSize sets how many items of a Map or Imap are handed to a worker at a
// time. By default the pool chooses by the time that items take. Fewer than 1 is
// an error. Items that may have handles or files in them always go one at a time.
func ChunkSize(n int) Option {
	return func(o *callOptions) error {
		if n < 1 {
			return fmt.Errorf("pool: ChunkSize(%d): a chunk has at least one item", n)
		}
		o.chunk = n
		return nil
	}
}

// InFlight bounds how many items an Imap may have pulled from its input and not
// yielded yet. By default the pool chooses: two per worker, more if they are
// quick. Fewer than 1 is an error.
func InFlight(n int) Option {
	return func(o *callOptions) error {
		if n < 1 {
			return fmt.Errorf("pool: InFlight(%d): at least one item has to be in flight", n)
		}
		o.inFlight = n
		return nil
	}
}

// Progress has fn called as the items of a Map or Imap end, with how many have
// ended and how many there are (-1 in an Imap). The calls come one at a time,
// from a goroutine of the pool, and hold up results: be quick, and do not call the
// pool, nor end the goroutine (as t.FailNow does). A panic in fn is logged and harms
// nobody else.
func Progress(fn func(done, total int)) Option {
	return func(o *callOptions) error {
		if fn == nil {
			return fmt.Errorf("pool: Progress(nil)")
		}
		o.progress = fn
		return nil
	}
}

// Timeout limits the time of each item, from when it starts to run. Then its
// context ends; if it has not returned after Options.KillGrace its worker is
// killed. The item's error matches mp.ErrTimeout and context.DeadlineExceeded; an item
// that returns a value all the same, before it is killed, has that. Zero or less is an
// error.
func Timeout(d time.Duration) Option {
	return func(o *callOptions) error {
		if d <= 0 {
			return fmt.Errorf("pool: Timeout(%v): a time limit has to be positive", d)
		}
		o.limit = d
		return nil
	}
}

// Retries replaces Options.Retries for a call. Negative is an error.
func Retries(n int) Option {
	return func(o *callOptions) error {
		if n < 0 {
			return fmt.Errorf("pool: Retries(%d): cannot be negative", n)
		}
		o.retries = n
		return nil
	}
}

// KeepGoing makes Map run all items, also after some have failed. Its result
// then has zero values for those, and its error joins theirs in the order of
// their index.
func KeepGoing() Option {
	return func(o *callOptions) error {
		o.keepGoing = true
		return nil
	}
}

// apply collects the options of a call.
func (p *Pool) apply(opts []Option) (callOptions, error) {
	o := callOptions{retries: p.opts.Retries}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return o, err
		}
	}
	return o, nil
}

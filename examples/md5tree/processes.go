package main

import (
	"context"
	"errors"
	"time"

	"github.com/multiproc/mp/pool"
)

// killGrace is how long an item may take to return after its time limit.
const killGrace = 500 * time.Millisecond

// poolOutcome is what only the pass with processes brings.
type poolOutcome struct {
	items    []item
	ready    time.Duration // until the workers were ready for work
	failures []failure
	kills    []kill
	killErr  error // why there are fewer kills than there should be
	starts   starts
	stats    pool.Stats
}

// A failure is an item that ended with an error.
type failure struct {
	item item
	err  error
}

// processes digests with a pool of processes.
//
// ImapUnordered suits the job best: an item that fails is named by its index and
// the loop goes on, results come when they are there, so that progress can be
// shown, and the input is a sequence, which the chaos can hold up. Map with
// KeepGoing would do without that.
func processes(ctx context.Context, o options, files []string, tick func()) (out *outcome, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var notes *journal
	if o.kill > 0 || o.poison {
		if notes, err = newJournal(); err != nil {
			return nil, err
		}
		defer notes.remove()
	}
	po := &poolOutcome{items: makeItems(o, files, notes)}
	start := time.Now()
	p, err := pool.New(pool.Options{Workers: o.workers, Retries: o.kill, KillGrace: killGrace})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	po.ready = time.Since(start)

	chaos := unleash(ctx, o.kill, o.seed, len(po.items), p.Workers)
	results := make([]result, 0, len(files))
	for r, err := range pool.ImapUnordered(ctx, p, digestItem, chaos.feed(ctx, po.items), o.forPool(len(po.items))...) {
		var failed *pool.TaskError
		switch {
		case err == nil:
			results = append(results, r)
			tick()
		case errors.As(err, &failed):
			po.failures = append(po.failures, failure{po.items[failed.Index], failed.Err})
		default:
			cancel() // ends the chaos
			return nil, err
		}
		chaos.tick()
	}
	out = &outcome{results: results, took: time.Since(start), pool: po}
	<-chaos.over
	po.kills, po.killErr = chaos.kills, chaos.err
	if err := p.Shutdown(ctx); err != nil {
		return nil, err
	}
	po.stats = p.Stats()
	po.starts, err = notes.read()
	return out, err
}

// makeItems makes the items of the pool.
func makeItems(o options, files []string, notes *journal) []item {
	items := make([]item, len(files))
	for i, path := range files {
		items[i] = item{Path: path}
	}
	if o.poison {
		items = withPoison(items)
	}
	for i := range items {
		items[i].Index = i
		if notes != nil {
			items[i].Journal = notes.path
		}
	}
	return items
}

// forPool are the options of the call. All results are kept anyway, so all items
// may be in flight: an item that never ends then holds nothing up but its worker.
func (o options) forPool(items int) []pool.Option {
	opts := []pool.Option{pool.InFlight(items)}
	if o.timeout > 0 {
		opts = append(opts, pool.Timeout(o.timeout))
	}
	return opts
}

package main

import (
	"context"
	"io"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

// goroutines digests with as many goroutines as there are workers: what a Go
// program would do without this library.
func goroutines(ctx context.Context, o options, files []string, tick func()) (*outcome, error) {
	start := time.Now()
	results := make([]result, len(files))
	err := forEach(ctx, o.workers, files, func(ctx context.Context, i int) (err error) {
		results[i], err = digestFile(ctx, files[i])
		tick()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &outcome{results: results, took: time.Since(start)}, nil
}

// warm reads all files once, so that the first pass does not pay for the disk
// and the others find everything in memory. What cannot be read is the business
// of the passes.
func warm(ctx context.Context, files []string) error {
	return forEach(ctx, runtime.GOMAXPROCS(0), files, func(ctx context.Context, i int) error {
		_, _ = copyFile(ctx, io.Discard, files[i])
		return ctx.Err()
	})
}

// forEach calls do for each file, n at a time, until one fails.
func forEach(ctx context.Context, n int, files []string, do func(ctx context.Context, i int) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(n)
	for i := range files {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error { return do(inner, i) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

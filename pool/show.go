package pool

// shown is a value or an error on its way to the loop.
type shown[Out any] struct {
	value Out
	err   error
}

// next waits for values for the loop, and frees the slots of those that it got
// before. No values mean that the stream has ended, with the error that is to be
// yielded last, if any.
func (s *stream[In, Out]) next(values []shown[Out]) ([]shown[Out], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free()
	for {
		if s.ordered {
			values = s.inOrder(values)
		} else {
			values = s.asTheyCame(values)
		}
		switch {
		case len(values) > 0:
			return values, nil
		case s.over && s.dropped != nil:
			return nil, s.dropped
		case s.over:
			return nil, s.failure
		}
		s.changed.Wait()
	}
}

// inOrder takes the values that follow those shown before.
func (s *stream[In, Out]) inOrder(values []shown[Out]) []shown[Out] {
	mask := len(s.states) - 1
	for s.shown < s.pulled && s.states[s.shown&mask] == valued && len(values) < showAtOnce {
		values = append(values, s.take(s.shown))
		s.shown++
	}
	return values
}

// asTheyCame takes the values that have come since.
func (s *stream[In, Out]) asTheyCame(values []shown[Out]) []shown[Out] {
	n := min(len(s.decided), showAtOnce)
	for _, i := range s.decided[:n] {
		values = append(values, s.take(i))
	}
	s.taken = append(s.taken, s.decided[:n]...)
	s.decided = s.decided[:copy(s.decided, s.decided[n:])]
	return values
}

func (s *stream[In, Out]) take(i int) shown[Out] {
	if err := s.errs[i]; err != nil {
		delete(s.errs, i)
		return shown[Out]{err: err}
	}
	return shown[Out]{value: s.outs[i&(len(s.outs)-1)]}
}

// free makes room: the values taken last have been yielded.
func (s *stream[In, Out]) free() {
	before := s.yielded
	mask := len(s.states) - 1
	var in In
	var out Out
	release := func(i int) { s.ins[i&mask], s.outs[i&mask] = in, out }
	for ; s.ordered && s.yielded < s.shown; s.yielded++ {
		release(s.yielded)
	}
	for _, i := range s.taken {
		release(i)
		s.states[i&mask] = gone
	}
	s.taken = s.taken[:0]
	for !s.ordered && s.yielded < s.pulled && s.states[s.yielded&mask] == gone {
		s.yielded++
	}
	if s.yielded > before {
		s.room.Signal()
	}
}

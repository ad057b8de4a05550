package pool

// shown is a value or an error on its way to the loop.
type shown[Out any] struct {
	value Out
	err   error
}

// await waits for values for the loop, and frees the slots of those that it got
// before. No values mean that the stream has ended, with the error that is to be
// yielded last, if any.
func (s *stream[In, Out]) await(values []shown[Out]) ([]shown[Out], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom()
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
	for s.shown < s.pulled && s.states[s.slot(s.shown)] == valued && len(values) < showAtOnce {
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
	return shown[Out]{value: s.outs[s.slot(i)]}
}

// makeRoom frees the slots of the values taken last: they have been yielded.
func (s *stream[In, Out]) makeRoom() {
	before := s.inUse
	for ; s.ordered && s.yielded < s.shown; s.yielded++ {
		s.release(s.yielded)
	}
	for _, i := range s.taken {
		s.release(i)
	}
	s.taken = s.taken[:0]
	if s.inUse < before {
		s.room.Signal()
	}
}

// release empties a slot.
func (s *stream[In, Out]) release(number int) {
	var in In
	var out Out
	i := s.slot(number)
	s.ins[i], s.outs[i], s.states[i] = in, out, free
	s.inUse--
}

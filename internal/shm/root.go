package shm

// Root returns the root object, with one more handle: the one object that every
// process of the family finds without having been sent a reference, and from which
// it finds what else there is for all. The arena itself holds it, as long as there is
// an arena. Who asks first makes it, as s says.
func (a *Arena) Root(s Spec) (*Object, error) {
	r, err := a.root(nil)
	if err == nil && r == (Ref{}) {
		// It is whole before others can find it, for a new object's memory has something
		// of its last user in it. Of several makers one wins.
		var o *Object
		if o, err = a.New(s); err != nil {
			return nil, err
		}
		if r, err = a.root(o); r == o.ref && err == nil {
			return o, nil
		}
		_ = o.Drop()
	}
	switch {
	case err != nil:
		return nil, err
	case r.Kind != s.Kind || r.Hash != s.Hash:
		return nil, ErrKind
	}
	return a.Open(r)
}

// root returns the reference to the root object. If there is none, it is o, unless
// that is nil.
func (a *Arena) root(o *Object) (r Ref, err error) {
	err = a.Transact(func(t *Tx) error {
		c := t.Load(offRoot)
		if c == 0 && o != nil {
			c = o.cell
			t.Store(offRoot, c)
			t.Ref(c)
		}
		if c != 0 {
			r = t.RefOf(c)
		}
		return nil
	})
	return r, err
}

// Exists says whether the object that r refers to is still there, for others than
// those who hold it: the answer is of the past when it is given. Of an object that
// one who has it has told the caller of, and still has, it is true.
func (a *Arena) Exists(r Ref) bool {
	if r.Cell == 0 || r.Generation == 0 || r.Kind < FirstKind || uint64(r.Cell) >= a.maxCells() || r.Cell >= a.load(offCellsTop) {
		return false
	}
	// No two objects have the same generation, so there is no need for the lock.
	at := a.cell(r.Cell)
	return a.load(at+CellGeneration) == r.Generation && Kind(a.load(at+CellKind)) == r.Kind && a.load(at+CellHash) == r.Hash
}

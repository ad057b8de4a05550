package pool

import "github.com/multiproc/mp/internal/travel"

// held is the luggage of items that have been encoded and have no outcome yet: what
// their arguments refer to lives until then, and no longer, for another item may
// wait for the end of it. A mutex of its owner guards it; the zero value is empty.
type held map[int]travel.Luggage

// keep adds what item i refers to: again, if its worker has died and it is run once more.
func (h *held) keep(i int, luggage travel.Luggage) {
	if luggage == nil {
		return
	}
	if *h == nil {
		*h = make(held)
	}
	(*h)[i] = append((*h)[i], luggage...)
}

// drop lets go what item i refers to.
func (h held) drop(i int) {
	if luggage := h[i]; luggage != nil {
		delete(h, i)
		luggage.Drop()
	}
}

// dropAll is for items that have no outcome, and will have none.
func (h held) dropAll() {
	for i := range h {
		h.drop(i)
	}
}

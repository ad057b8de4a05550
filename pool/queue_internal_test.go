package pool

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQueueKeepsItsOrder(t *testing.T) {
	var q queue
	live, dead := new(batch), &batch{dead: ErrCancelled}
	for i := range 10 {
		q.push(span{live, i, i + 1})
		q.push(span{dead, i, i + 1})
	}
	q.unshift(span{live, -1, 0})
	for want := -1; want < 10; want++ {
		s := q.first()
		require.NotNil(t, s)
		assert.Equal(t, span{live, want, want + 1}, *s)
		s.lo = s.hi
	}
	assert.Nil(t, q.first())
}

func TestAQueueThatIsNeverEmptyDoesNotGrow(t *testing.T) {
	var q queue
	b, cancelled := new(batch), &batch{dead: ErrCancelled}
	for i := range 100 {
		q.push(span{b, i, i + 1})
	}
	for i := range 100_000 {
		q.push(span{b, i, i + 1})
		q.push(span{cancelled, i, i + 1})
		s := q.first()
		s.lo = s.hi
	}
	assert.LessOrEqual(t, cap(q.back), 1024)
}

func TestQueueExtendsOnlyWhatContinues(t *testing.T) {
	var q queue
	a, b := new(batch), new(batch)
	q.extend(span{a, 0, 1})
	q.extend(span{a, 1, 2})
	q.extend(span{b, 2, 3})
	q.extend(span{a, 2, 3})
	assert.Equal(t, []span{{a, 0, 2}, {b, 2, 3}, {a, 2, 3}}, q.back)
}

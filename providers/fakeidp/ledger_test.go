package fakeidp

import (
	"strconv"
	"testing"
	"time"
)

// A ledger forgets what expired, and the oldest when it is full, however many
// entries were taken in between.
func TestLedgerIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newLedger[int](func() time.Time { return now })
	for i := range 3 * maxEntries {
		l.put(strconv.Itoa(i), i, time.Minute)
		if i%2 == 0 {
			if v, ok := l.take(strconv.Itoa(i)); !ok || v != i {
				t.Fatalf("entry %d is lost", i)
			}
		}
		if len(l.entries) > maxEntries || len(l.queue) > 2*maxEntries {
			t.Fatalf("%d entries, %d in the queue", len(l.entries), len(l.queue))
		}
	}
	last := strconv.Itoa(3*maxEntries - 1)
	if _, ok := l.find(last); !ok {
		t.Error("the newest entry is lost")
	}
	if _, ok := l.find("1"); ok {
		t.Error("the oldest entry is still there")
	}

	now = now.Add(time.Minute)
	if _, ok := l.find(last); ok {
		t.Error("an expired entry is found")
	}
	l.put("new", 1, time.Minute)
	if len(l.entries) != 1 || len(l.queue)-l.head != 1 {
		t.Errorf("%d entries, %d in the queue after all expired", len(l.entries), len(l.queue)-l.head)
	}
	if _, ok := l.take("new"); !ok {
		t.Error("the new entry is lost")
	}
	if _, ok := l.take("new"); ok {
		t.Error("an entry is taken twice")
	}
}

package negative

import "testing"

func TestWhatWasSaidHere(t *testing.T) {
	tests := []struct {
		name    string
		known   entry
		waiting *record
		said    record
		stands  bool
		send    bool
	}{
		{"the first fact stands and is sent", entry{}, nil, record{Epoch: 1}, true, true},
		{"what the writer says too need not be sent", entry{epoch: 1, written: 1, revision: 4}, nil, record{Epoch: 1}, true, false},
		{"a higher epoch is news to the writer", entry{epoch: 1, written: 1, revision: 4}, nil, record{Epoch: 2}, true, true},
		{"what waits already is sent once", entry{epoch: 1, unsent: true}, &record{Epoch: 1}, record{Epoch: 1}, true, false},
		{"a higher epoch than what waits replaces it", entry{epoch: 1, unsent: true}, &record{Epoch: 1}, record{Epoch: 2}, true, true},
		{"a lifted fact stands again when it is said again", entry{epoch: 3, written: 3, revision: 4, lifted: true}, nil, record{Epoch: 2}, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			next, send := tt.known.said(tt.said, tt.waiting)
			if next.stands() != tt.stands || send != tt.send {
				t.Errorf("stands %t, send %t, want %t and %t", next.stands(), send, tt.stands, tt.send)
			}
		})
	}
}

func TestWhatTheWriterSays(t *testing.T) {
	tests := []struct {
		name    string
		known   entry
		waiting *record
		told    record
		stands  bool
		settled bool
	}{
		{"a fact of the feed stands", entry{}, nil, record{Revision: 1}, true, false},
		{"a lift undoes what the writer knew", entry{revision: 1}, nil, record{Revision: 2, Lifted: true}, false, false},
		{"old news undoes no lift", entry{revision: 2, lifted: true}, nil, record{Revision: 1}, false, false},
		{"old news undoes no fact", entry{revision: 3}, nil, record{Revision: 2, Lifted: true}, true, false},
		{"newer news brings a lifted fact back", entry{revision: 2, lifted: true}, nil, record{Revision: 3}, true, false},
		{"a lift cannot undo what the writer has not heard of", entry{unsent: true}, &record{}, record{Revision: 7, Lifted: true, Epoch: 9}, true, false},
		{"the feed brings back what was said here", entry{epoch: 2, unsent: true}, &record{Epoch: 2}, record{Revision: 7, Epoch: 2}, true, true},
		{"the feed brings less than was said here", entry{epoch: 3, unsent: true}, &record{Epoch: 3}, record{Revision: 7, Epoch: 2}, true, false},
		{"the answer settles what was sent", entry{epoch: 3, unsent: true}, &record{Epoch: 3}, record{Revision: 7, Epoch: 2, Settles: true, Sent: 3}, true, true},
		{"the answer may be that it is undone", entry{unsent: true}, &record{}, record{Revision: 7, Epoch: 4, Lifted: true, Settles: true}, false, true},
		{"the answer settles nothing that was said since", entry{epoch: 4, unsent: true}, &record{Epoch: 4}, record{Revision: 7, Epoch: 3, Lifted: true, Settles: true, Sent: 3}, true, false},
		{"an old answer settles and changes nothing else", entry{revision: 9, unsent: true}, &record{}, record{Revision: 7, Lifted: true, Settles: true}, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			next, settled := tt.known.told(tt.told, tt.waiting)
			if next.stands() != tt.stands || settled != tt.settled {
				t.Errorf("stands %t, settled %t, want %t and %t", next.stands(), settled, tt.stands, tt.settled)
			}
			if next.epoch < tt.known.epoch || next.epoch < tt.told.Epoch {
				t.Errorf("epoch fell to %d", next.epoch)
			}
		})
	}
}

func TestAFactIsKeptUntilTheLaterEnd(t *testing.T) {
	tests := []struct{ a, b, want int64 }{{1, 2, 2}, {2, 1, 2}, {0, 5, 0}, {5, 0, 0}, {0, 0, 0}}
	for _, tt := range tests {
		if got := later(tt.a, tt.b); got != tt.want {
			t.Errorf("later(%d, %d) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

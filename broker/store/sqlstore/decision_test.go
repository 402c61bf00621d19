package sqlstore

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/broker/store"
)

func TestRecorded(t *testing.T) {
	soon, late := noon.Add(time.Hour), noon.Add(2*time.Hour)
	type f = store.Fact
	tests := []struct {
		name   string
		stands standing
		said   f
		next   f
		then   account
		news   bool
	}{
		{"the first of its kind", standing{}, f{Epoch: 2, Until: soon}, f{Epoch: 2, Until: soon}, account{epoch: 2, disabled: true}, true},
		{"the same again", standing{fact: f{Revision: 1, Epoch: 2}}, f{Epoch: 2}, f{Revision: 1, Epoch: 2}, account{}, false},
		{"a lower epoch", standing{fact: f{Revision: 1, Epoch: 2}}, f{Epoch: 1}, f{Revision: 1, Epoch: 2}, account{}, false},
		{"a higher epoch keeps a later end", standing{fact: f{Revision: 1, Epoch: 2, Until: late}}, f{Epoch: 3, Until: soon}, f{Epoch: 3, Until: late}, account{epoch: 3, disabled: true}, true},
		{"a later end keeps a higher epoch", standing{fact: f{Revision: 1, Epoch: 2, Until: soon}}, f{Epoch: 1, Until: late}, f{Epoch: 2, Until: late}, account{epoch: 2, disabled: true}, true},
		{"never is later than any end", standing{fact: f{Revision: 1, Until: soon}}, f{}, f{}, account{disabled: true}, true},
		{"no end is later than never", standing{fact: f{Revision: 1}}, f{Until: late}, f{Revision: 1}, account{}, false},
		{"older than what lifted it", standing{fact: f{Revision: 4, Epoch: 3, Lifted: true}}, f{Epoch: 2}, f{Revision: 4, Epoch: 3, Lifted: true}, account{}, false},
		{"newer than what lifted it", standing{fact: f{Revision: 4, Epoch: 3, Lifted: true}}, f{Epoch: 3}, f{Epoch: 3}, account{epoch: 3, disabled: true}, true},
		{"an account's epoch does not fall", standing{account: account{known: true, epoch: 9}}, f{Epoch: 3}, f{Epoch: 3}, account{known: true, epoch: 9, disabled: true}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.said.Kind, tt.next.Kind, tt.stands.fact.Kind = store.AccountDisabled, store.AccountDisabled, store.AccountDisabled
			next, then, news := recorded(tt.stands, tt.said)
			if next != tt.next || then != tt.then || news != tt.news {
				t.Errorf("got %+v, %+v, %v", next, then, news)
			}
		})
	}
}

// Whatever happens in whatever order, epochs never fall, an account that the
// last word disabled is disabled, and what changes nothing says so.
func TestDecisions(t *testing.T) {
	decisions := map[string]func(standing, store.Fact) (store.Fact, account, bool){
		"record": recorded, "disable": disabled, "enable": enabled, "end": ended,
	}
	rapid.Check(t, func(t *rapid.T) {
		now := account{known: true, epoch: 1}
		facts := map[store.FactKind]store.Fact{}
		highest := int64(1)
		for revision := int64(1); revision <= 20; revision++ {
			name := rapid.SampledFrom([]string{"record", "disable", "enable", "end"}).Draw(t, "decision")
			said := store.Fact{Kind: store.AccountDisabled, ID: "a", At: noon.Add(time.Duration(revision))}
			switch name {
			case "end":
				said.Kind = store.AccountEpoch
			case "record":
				said.Kind = rapid.SampledFrom([]store.FactKind{store.AccountDisabled, store.AccountEpoch}).Draw(t, "kind")
				said.Epoch = rapid.Int64Range(0, 12).Draw(t, "epoch")
			}
			stands := standing{account: now, fact: facts[said.Kind]}
			next, then, news := decisions[name](stands, said)
			if !news {
				if next != stands.fact || then != now {
					t.Fatalf("%s says nothing is new and changes %+v to %+v", name, stands, next)
				}
				continue
			}
			if then.epoch < now.epoch || next.Epoch < stands.fact.Epoch {
				t.Fatalf("%s: an epoch fell: %+v, %+v", name, then, next)
			}
			if name == "disable" && !then.disabled || name == "enable" && (then.disabled || then.epoch <= highest) {
				t.Fatalf("%s: the account is %+v", name, then)
			}
			next.Revision = revision
			now, facts[said.Kind] = then, next
			highest = max(highest, then.epoch, next.Epoch)
			if disabling := facts[store.AccountDisabled]; disabling.Revision != 0 && now.disabled == disabling.Lifted {
				t.Fatalf("%s: the account is %+v, the fact %+v", name, now, disabling)
			}
			if now.epoch < highest {
				t.Fatalf("%s: the account has epoch %d, a fact %d: nobody could log in", name, now.epoch, highest)
			}
		}
	})
}

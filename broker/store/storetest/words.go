package storetest

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
)

// word is whose word a verb returns.
type word uint8

const (
	// writers is the writer's word alone: what is changed is decided there, and of
	// what is read a no or a missing row would be believed.
	writers word = iota
	// yes is a replica's word if that is a yes, and the writer's otherwise.
	yes
	// latest is the writer's word, and a replica's while the writer cannot be
	// reached: whoever asks knows that it may be old, and takes no row for no.
	latest
	// numbers are a replica's, which are as old as it is and decide nothing.
	numbers
	// own is not about records, or asks for a replica's word as such.
	own
)

// words are all verbs. A new one has to say whose word it is.
var words = map[string]word{
	"AccountByIdentity": yes, "Account": yes, "GrantedAccount": yes, "RefreshFamily": yes,
	"Consent": yes, // with a scope; without one it is latest

	"FactsSince": latest, "Outages": latest, "Pin": latest, "ClientsRevision": latest, "Clients": latest,
	"GrantsOfAccount": latest, "ConsentsOf": latest, "EventsOf": latest,
	"Fingerprints": latest, "ProviderSecrets": latest,
	"KeepFingerprint": latest, // what stands there may be told, that nothing does may not

	"Coverage": numbers, "WaysIn": numbers, "CountLinks": numbers,

	"ReplicaBeat": own, "Close": own,
	"ReplicaSealingKeys": own, "ReplicaSigningKeys": own, "ReplicaSiteIdentities": own,

	// Reading, where a missing row is a fact.
	"Links": writers, "FeedRevision": writers, "Incarnation": writers, "Drills": writers, "DrillCounts": writers,
	"Fingerprint": writers, "GrantsOfSession": writers, "LogoutsOf": writers, "LogoutFeed": writers, "SecretUses": writers,
	"AccountSeeds": writers, "SigningKeys": writers, "SealingKeys": writers, "SiteIdentities": writers,

	"OpenAccount": writers, "FillProfile": writers, "LinkIdentity": writers, "LinkIdentityEndSessions": writers,
	"UnlinkIdentity": writers, "DisableAccount": writers, "EnableAccount": writers, "EndSessions": writers,
	"DeleteAccount": writers, "KeepLanguage": writers, "GiveConsent": writers, "NoteEvents": writers, "PurgeEvents": writers,
	"ClaimCode": writers, "RotateRefresh": writers, "PurgeGrants": writers, "ClaimAssertion": writers, "PurgeAssertions": writers,
	"RecordFact": writers, "LiftFact": writers, "PurgeFacts": writers, "EnsureSecret": writers,
	"DeclareOutage": writers, "EndOutage": writers, "StartDrill": writers, "StopDrill": writers, "CountDrill": writers,
	"KeepPin": writers, "ReplacePin": writers, "NoteActivity": writers, "PurgeActivity": writers,
	"MigrateFingerprint": writers, "SetLinksAside": writers, "ReplaceProviderSecret": writers, "DropFormerSecret": writers,
	"ForgetProviderSecret": writers,
	"AddLogouts":           writers, "TakeLogouts": writers, "SettleLogout": writers, "AdvanceLogoutFeed": writers, "PurgeLogouts": writers,
	"AddClient": writers, "ReplaceClient": writers, "RemoveClient": writers, "AddClientSecret": writers, "DropClientSecret": writers,
	"NoteSecretUses": writers, "PurgeSecretUses": writers,
	"InsertSigningKey": writers, "AdvanceSigningKey": writers, "ReplaceManifest": writers,
	"EnsureSiteIdentity": writers, "StageSiteIdentity": writers, "UseSiteIdentity": writers, "DropSiteIdentity": writers,
	"InsertSealingKey": writers, "DeleteSealingKeys": writers,
	"WriteBeat": writers, "RenewIncarnation": writers, "Ping": writers,
}

// Verb is a call of one verb that would succeed.
type Verb struct {
	Name     string
	Answered bool // by a replica that knows all, while nobody reaches the writer
	Call     func(ctx context.Context) error
}

// Verbs stores in s what its verbs are about and returns a call of each, in an
// order in which all would succeed.
func Verbs(t testing.TB, s Store) []Verb {
	t.Helper()
	key := newKey(t)
	a := open(t, s, key)
	g := newGrant(t, newID(t), a.ID)
	claim(t, s, g)
	record(t, s, store.Fact{Kind: store.SessionEnded, ID: g.SID, At: noon})
	must[[]byte](t)(s.EnsureSecret(t.Context(), "salt", []byte("x")))
	all := verbs(t, s, a, key, g)
	prepareOperations(t, s)
	called := make([]Verb, len(all))
	for i, v := range all {
		called[i] = Verb{v.name, words[v.name] != writers, v.call}
	}
	return called
}

// Every verb of a store says whose word it is, and every one is called where all
// are.
func testEveryVerbIsKnown(t *testing.T, o Options) {
	exist := make(map[string]bool)
	for m := range reflect.TypeFor[Store]().Methods() {
		exist[m.Name] = true
		if _, ok := words[m.Name]; !ok {
			t.Errorf("%s does not say whose word it is", m.Name)
		}
	}
	for name := range words {
		if !exist[name] {
			t.Errorf("there is no verb %s", name)
		}
	}
	for _, v := range Verbs(t, o.New(t)) {
		delete(exist, v.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(exist)) {
		if words[name] != own {
			t.Errorf("%s is called nowhere", name)
		}
	}
}

// known is somebody whom every verb of the class yes is about.
type known struct {
	account store.Account
	key     store.IdentityKey
	grant   store.Grant
}

func newKnown(t *testing.T, s Store) known {
	t.Helper()
	k := known{key: newKey(t)}
	k.account = open(t, s, k.key)
	k.grant = newFamily(t, k.account.ID)
	claim(t, s, k.grant)
	give(t, s, newConsent(k.account.ID))
	return k
}

// ask asks by every verb of the class yes.
func (k known) ask(t *testing.T, s Store, each func(t *testing.T, err error)) {
	t.Helper()
	ctx := t.Context()
	asked := map[string]func() error{
		"AccountByIdentity": func() error { _, err := s.AccountByIdentity(ctx, k.key, 0); return err },
		"Account":           func() error { _, err := s.Account(ctx, k.account.ID, 0); return err },
		"GrantedAccount":    func() error { _, _, err := s.GrantedAccount(ctx, k.grant.ID); return err },
		"RefreshFamily":     func() error { _, _, err := s.RefreshFamily(ctx, k.grant.ID, 0); return err },
		"Consent":           func() error { _, err := s.Consent(ctx, k.account.ID, "shop", []string{"openid", "phone"}); return err },
	}
	for name, whose := range words {
		if whose == yes {
			t.Run(name, func(t *testing.T) { each(t, asked[name]()) })
		}
	}
}

// What the replica knows needs no writer. What it does not know the writer is asked
// for, and where nobody reaches it nothing is known.
func testEveryYes(t *testing.T, r Replica) {
	fine := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	unknown := func(t *testing.T, err error) { t.Helper(); wantUnavailable(t, err) }
	copied := newKnown(t, r.Store)
	r.CatchUp()
	late := newKnown(t, r.Store)
	t.Run("the writer knows more", func(t *testing.T) { late.ask(t, r.Store, fine) })
	r.LoseWriter()
	t.Run("the replica knows enough", func(t *testing.T) { copied.ask(t, r.Store, fine) })
	t.Run("nobody is left who knows", func(t *testing.T) { late.ask(t, r.Store, unknown) })
	nobody := known{account: newAccount(t), key: newKey(t), grant: newGrant(t, newID(t), newID(t))}
	t.Run("nobody is left who could say no", func(t *testing.T) { nobody.ask(t, r.Store, unknown) })
}

func testReplicaConsent(t *testing.T, r Replica) {
	a := open(t, r.Store, newKey(t))
	first := newConsent(a.ID)
	give(t, r.Store, first)
	r.CatchUp()
	second := first
	second.Scope, second.GivenAt = []string{"openid", "profile", "email"}, minute(1)
	give(t, r.Store, second)
	of := func(scope ...string) store.Consent {
		t.Helper()
		return must[store.Consent](t)(r.Store.Consent(t.Context(), a.ID, "shop", scope))
	}
	wantSame(t, of("openid", "phone"), first) // a yes and a no that the replica knows
	wantSame(t, of("openid", "email"), second)
	wantSame(t, of(), second)
	r.LoseWriter()
	wantSame(t, of("profile"), first)
	wantSame(t, of(), first)
	_, err := r.Store.Consent(t.Context(), a.ID, "shop", []string{"email"})
	wantUnavailable(t, err)
}

func testReplicaClients(t *testing.T, r Replica) {
	first := register(t, r.Store, 1)
	r.CatchUp()
	register(t, r.Store, 1)
	all, newest, err := r.Store.Clients(t.Context())
	if err != nil || len(all) != 2 {
		t.Errorf("the writer knows 2 clients, listed %d, %v", len(all), err)
	}
	r.LoseWriter()
	all, revision, err := r.Store.Clients(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != first.ID || revision >= newest {
		t.Errorf("the replica knows one client at a revision before %d; listed %d at %d, %v", newest, len(all), revision, err)
	}
}

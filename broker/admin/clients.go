package admin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/habit"
	"github.com/bongsu/bongsu/broker/store"
)

const (
	maxClients      = 10_000   // in the store
	maxClientBody   = 80 << 10 // of an order that holds a registration
	shownHash       = 12       // digits of a hash that name a secret
	fewestHash      = 8        // that an operator must say
	unusedHours     = 24
	mostUnusedHours = 24 * 90
	hourOfUse       = time.Hour
	refreshIsEnough = 2 * time.Second
)

// ClientStore keeps the registrations that operators make.
type ClientStore interface {
	AddClient(ctx context.Context, c store.Client) error
	ReplaceClient(ctx context.Context, c store.Client, was time.Time) error
	RemoveClient(ctx context.Context, id string) error
	AddClientSecret(ctx context.Context, id string, s store.ClientSecret) error
	DropClientSecret(ctx context.Context, id string, hash []byte, hour int64) error
	SecretUses(ctx context.Context, id string) ([]store.SecretUse, error)
}

// Directory is who is served.
type Directory interface {
	Client(id string) (*client.Client, bool)
	ByTag(tag string) (*client.Client, bool)
	All() []*client.Client
	Owner(id string) (client.Owner, bool)
}

// Roster is what this node has read of the store's registrations.
type Roster interface {
	Refresh(ctx context.Context) error
	Stored(id string) (store.Client, bool)
	All() []store.Client
	Write(ctx context.Context) error // the uses of secrets that were noted here
}

// Websites is what orders about clients work with. All fields but Seen and Callbacks
// are required.
type Websites struct {
	Store     ClientStore
	Directory Directory
	Roster    Roster
	// Parse reads an entry and gives it its one form; Check says what it means.
	// Their errors are problems that an operator can act on.
	Parse func(entry []byte) (id string, document []byte, err error)
	Check func(document []byte, hashes [][32]byte) (*client.Client, error)
	// Filed returns a client's entry in the configuration file and where it stands.
	Filed  func(id string) (document []byte, where string)
	Issuer string
	// Seen is what this node has lately seen a client do; nil: nobody takes notes.
	Seen func(id string) habit.Seen
	// Callbacks are those of the providers that a client may use; nil: nobody says.
	Callbacks func(id string) []ProviderCallbacks
}

func (w Websites) complete() bool {
	return w.Store != nil && w.Directory != nil && w.Roster != nil && w.Parse != nil && w.Check != nil && w.Filed != nil && w.Issuer != ""
}

// clientRoutes are the paths about websites.
func (h *Handler) clientRoutes() []Route {
	return []Route{
		{"GET /admin/clients", h.see(h.clients)},
		{"POST /admin/clients", h.act("client.add", h.addClient)},
		{"GET /admin/clients/{client}", h.see(h.client)},
		{"PUT /admin/clients/{client}", h.act("client.replace", h.replaceClient)},
		{"POST /admin/clients/{client}/remove", h.act("client.remove", h.removeClient)},
		{"POST /admin/clients/{client}/secrets", h.act("client.secret_add", h.addClientSecret)},
		{"POST /admin/clients/{client}/secrets/{secret}/drop", h.act("client.secret_drop", h.dropClientSecret)},
	}
}

// clients lists all websites: those that are served, and those of the store that
// this node leaves out.
func (h *Handler) clients(c *call) (any, error) {
	h.reread(c)
	var all []ClientState
	for _, known := range h.o.Websites.Directory.All() {
		state, _ := h.clientState(known.ID)
		all = append(all, state)
	}
	for _, s := range h.o.Websites.Roster.All() {
		if _, served := h.o.Websites.Directory.Client(s.ID); !served {
			state, _ := h.clientState(s.ID)
			all = append(all, state)
		}
	}
	slices.SortFunc(all, func(a, b ClientState) int { return strings.Compare(a.ID, b.ID) })
	if all == nil {
		all = []ClientState{}
	}
	return all, nil
}

// reread looks at the store, so that an operator sees what another one did at
// another node a moment ago. Without the store they see what this node knows.
func (h *Handler) reread(c *call) {
	ctx, cancel := context.WithTimeout(c.ctx, refreshIsEnough)
	defer cancel()
	_ = h.o.Websites.Roster.Refresh(ctx) // its own Run reports it
}

// clientState is what is known of a client here, and whether it is known at all.
func (h *Handler) clientState(id string) (ClientState, bool) {
	w := h.o.Websites
	served, ok := w.Directory.Client(id)
	owner, _ := w.Directory.Owner(id)
	stored, inStore := w.Roster.Stored(id)
	if !ok && !inStore {
		return ClientState{}, false
	}
	state := ClientState{ID: id, Owner: client.OwnerStore, Served: ok, Secrets: []ClientSecret{}, Issuer: w.Issuer}
	if ok {
		state.Name, state.Owner, state.Public, state.FirstParty = served.Name, owner, served.Public, served.FirstParty
		for _, hash := range served.SecretHashes {
			state.Secrets = append(state.Secrets, ClientSecret{ID: secretID(hash[:])})
		}
	}
	if state.Owner == client.OwnerFile {
		state.Registration, state.Where = w.Filed(id)
		return state, true
	}
	state.Registration = stored.Document
	state.By, state.CreatedAt, state.UpdatedAt = stored.By, stored.CreatedAt, stored.UpdatedAt
	state.Secrets = []ClientSecret{}
	for _, s := range stored.Secrets {
		state.Secrets = append(state.Secrets, ClientSecret{ID: secretID(s.Hash), By: s.By, CreatedAt: s.CreatedAt})
	}
	return state, true
}

func secretID(hash []byte) string { return hex.EncodeToString(hash)[:shownHash] }

// client shows one website and when its secrets were used.
func (h *Handler) client(c *call) (any, error) {
	h.reread(c)
	return h.oneClient(c, c.r.PathValue("client"))
}

func (h *Handler) oneClient(c *call, id string) (ClientState, error) {
	state, ok := h.clientState(id)
	if !ok {
		return ClientState{}, noClient(id)
	}
	if err := h.o.Websites.Roster.Write(c.ctx); err != nil {
		return ClientState{}, err
	}
	uses, err := h.o.Websites.Store.SecretUses(c.ctx, id)
	if err != nil {
		return ClientState{}, err
	}
	for i := range state.Secrets {
		for _, use := range uses {
			if secretID(use.Hash) == state.Secrets[i].ID {
				state.Secrets[i].UsedAt = time.Unix(use.Hour*int64(hourOfUse/time.Second), 0).UTC()
			}
		}
	}
	if h.o.Websites.Callbacks != nil {
		state.Callbacks = h.o.Websites.Callbacks(id)
	}
	if h.o.Websites.Seen != nil {
		seen := h.o.Websites.Seen(id)
		state.Seen = &seen
	}
	return state, nil
}

func noClient(id string) error {
	return notFound(fmt.Sprintf("no client is called %q; bongsu client list names them", short(clean(id))))
}

// registration reads an order that holds one, and the entry in its one form.
func (h *Handler) registration(c *call) (r Registration, id string, document []byte, err error) {
	if err := c.bodyOf(&r, maxClientBody); err != nil {
		return r, "", nil, err
	}
	if err := c.because(r.Reason); err != nil {
		return r, "", nil, err
	}
	id, document, err = h.o.Websites.Parse(r.Client)
	if err != nil {
		return r, "", nil, unsound(err)
	}
	return r, id, document, nil
}

// unsound says what is wrong with a registration: all of it at once.
func unsound(err error) error {
	var said interface{ Messages() []string }
	detail := err.Error()
	if errors.As(err, &said) {
		detail = strings.Join(said.Messages(), "\n")
	}
	return &Problem{Title: "The registration is not sound; nothing was stored.", Status: http.StatusBadRequest, Detail: detail, Code: CodeInvalid}
}

// addClient registers a website and makes its first secret, if it has any.
func (h *Handler) addClient(c *call) (any, error) {
	_, id, document, err := h.registration(c)
	if err != nil {
		return nil, err
	}
	c.object = id
	h.reread(c)
	if err := h.free(id); err != nil {
		return nil, err
	}
	now := h.o.Now().UTC()
	added := store.Client{ID: id, Document: document, By: c.operator, CreatedAt: now, UpdatedAt: now}
	var secret string
	var hashes [][32]byte
	if needsSecret(document) {
		var hash [32]byte
		if secret, hash, err = client.NewSecret(rand.Reader); err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
		added.Secrets = []store.ClientSecret{{Hash: hash[:], By: c.operator, CreatedAt: now}}
	}
	if _, err := h.o.Websites.Check(document, hashes); err != nil {
		return nil, unsound(err)
	}
	if len(h.o.Websites.Roster.All()) >= maxClients {
		return nil, refusedBy("C03", fmt.Sprintf("%d clients are registered, which is the most", maxClients), "")
	}
	if err := h.o.Websites.Store.AddClient(c.ctx, added); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return nil, takenID(id)
		}
		return nil, err
	}
	return h.registered(c, id, secret), nil
}

// free reports whether a website may be registered under id.
func (h *Handler) free(id string) error {
	if err := h.notFiled(id); err != nil {
		return err
	}
	if _, ok := h.o.Websites.Roster.Stored(id); ok {
		return takenID(id)
	}
	if other, ok := h.o.Websites.Directory.ByTag(client.TagOf(id)); ok && other.ID != id {
		return taken(fmt.Sprintf("%q cannot be told from %q in upstream state: choose another id", id, other.ID))
	}
	return nil
}

// notFiled refuses what the configuration file owns.
func (h *Handler) notFiled(id string) error {
	if owner, ok := h.o.Websites.Directory.Owner(id); !ok || owner != client.OwnerFile {
		return nil
	}
	_, where := h.o.Websites.Filed(id)
	if where == "" {
		where = "the configuration file"
	}
	return taken(fmt.Sprintf("%s is registered in %s: change it there, at every node", id, where))
}

func taken(detail string) error {
	return &Problem{Title: "It is so already, or something else is in the way.", Status: http.StatusConflict, Detail: detail, Code: CodeConflict}
}

func takenID(id string) error {
	return taken(fmt.Sprintf("a client is called %q already; bongsu client show %s tells more", id, id))
}

// needsSecret reports whether a client of that entry proves itself with one.
func needsSecret(document []byte) bool {
	var entry struct {
		Public     bool   `json:"public"`
		AuthMethod string `json:"auth_method"`
	}
	return json.Unmarshal(document, &entry) == nil && !entry.Public && entry.AuthMethod != client.AuthPrivateKeyJWT
}

// registered is the answer to an order that was carried out: this node serves it
// now, the others within seconds.
func (h *Handler) registered(c *call, id, secret string) Registered {
	h.reread(c)
	state, ok := h.clientState(id)
	if !ok { // stored, and not read again yet
		state = ClientState{ID: id, Owner: client.OwnerStore, Secrets: []ClientSecret{}}
	}
	return Registered{Client: state, Secret: secret}
}

// owned returns a client that the store owns, for an order about it.
func (h *Handler) owned(c *call) (store.Client, error) {
	id := c.r.PathValue("client")
	c.object = id
	if err := h.notFiled(id); err != nil {
		return store.Client{}, err
	}
	if err := h.o.Websites.Roster.Refresh(c.ctx); err != nil {
		return store.Client{}, err
	}
	stored, ok := h.o.Websites.Roster.Stored(id)
	if !ok {
		return store.Client{}, noClient(id)
	}
	return stored, nil
}

// replaceClient registers a website otherwise. Its secrets stay.
func (h *Handler) replaceClient(c *call) (any, error) {
	r, id, document, err := h.registration(c)
	if err != nil {
		return nil, err
	}
	stored, err := h.owned(c)
	if err != nil {
		return nil, err
	}
	if id != stored.ID {
		return nil, invalid("The registration has another id: an id stands in every token and never changes.")
	}
	hashes := make([][32]byte, len(stored.Secrets))
	for i, s := range stored.Secrets {
		copy(hashes[i][:], s.Hash)
	}
	if _, err := h.o.Websites.Check(document, hashes); err != nil {
		return nil, unsound(err)
	}
	was := stored.UpdatedAt
	if !r.UpdatedAt.IsZero() {
		was = r.UpdatedAt
	}
	next := store.Client{ID: id, Document: document, UpdatedAt: h.o.Now().UTC()}
	if err := h.o.Websites.Store.ReplaceClient(c.ctx, next, was); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return nil, taken(id + " was changed by somebody else meanwhile; look at it again")
		}
		return nil, err
	}
	return h.registered(c, id, ""), nil
}

// clientOrder reads an order about a client that the store owns.
func (h *Handler) clientOrder(c *call) (ClientOrder, store.Client, error) {
	var o ClientOrder
	if err := c.body(&o); err != nil {
		return o, store.Client{}, err
	}
	if err := c.because(o.Reason); err != nil {
		return o, store.Client{}, err
	}
	stored, err := h.owned(c)
	return o, stored, err
}

func (h *Handler) removeClient(c *call) (any, error) {
	_, stored, err := h.clientOrder(c)
	if err != nil {
		return nil, err
	}
	state, _ := h.clientState(stored.ID)
	if err := h.o.Websites.Store.RemoveClient(c.ctx, stored.ID); err != nil {
		return nil, err
	}
	h.reread(c)
	state.Served = false
	return Registered{Client: state}, nil
}

func (h *Handler) addClientSecret(c *call) (any, error) {
	_, stored, err := h.clientOrder(c)
	if err != nil {
		return nil, err
	}
	if !needsSecret(stored.Document) {
		return nil, invalid(stored.ID + " proves itself without a secret.")
	}
	secret, hash, err := client.NewSecret(rand.Reader)
	if err != nil {
		return nil, err
	}
	made := store.ClientSecret{Hash: hash[:], By: c.operator, CreatedAt: h.o.Now().UTC()}
	if err := h.o.Websites.Store.AddClientSecret(c.ctx, stored.ID, made); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return nil, taken(fmt.Sprintf("%s has %d secrets, which is the most: drop one first", stored.ID, store.MaxClientSecrets))
		}
		return nil, err
	}
	return h.registered(c, stored.ID, secret), nil
}

// dropClientSecret takes a secret away, unless somebody still uses it.
func (h *Handler) dropClientSecret(c *call) (any, error) {
	o, stored, err := h.clientOrder(c)
	if err != nil {
		return nil, err
	}
	c.object = stored.ID + " " + c.r.PathValue("secret")
	hash, err := named(stored, c.r.PathValue("secret"))
	if err != nil {
		return nil, err
	}
	if o.UnusedHours < 0 || o.UnusedHours > mostUnusedHours {
		return nil, invalid(fmt.Sprintf("unused_hours is from 1 to %d.", mostUnusedHours))
	}
	if o.UnusedHours == 0 {
		o.UnusedHours = unusedHours
	}
	since := int64(0)
	if !o.Force {
		if err := h.o.Websites.Roster.Write(c.ctx); err != nil {
			return nil, err
		}
		since = h.o.Now().Unix()/int64(hourOfUse/time.Second) - o.UnusedHours
	}
	switch err := h.o.Websites.Store.DropClientSecret(c.ctx, stored.ID, hash, since); {
	case errors.Is(err, store.ErrInUse):
		return nil, refusedBy("C01", fmt.Sprintf("the secret was used within %d hours: the website has not changed over yet", o.UnusedHours), "--force")
	case errors.Is(err, store.ErrLast):
		return nil, refusedBy("C02", fmt.Sprintf("%s has no other secret; bongsu client secret add %s makes one", stored.ID, stored.ID), "")
	case err != nil:
		return nil, err
	}
	return h.registered(c, stored.ID, ""), nil
}

// named returns the hash of the secret that an operator names.
func named(stored store.Client, id string) ([]byte, error) {
	id = strings.TrimPrefix(strings.ToLower(id), "sha256:")
	var found [][]byte
	for _, s := range stored.Secrets {
		if len(id) >= fewestHash && strings.HasPrefix(hex.EncodeToString(s.Hash), id) {
			found = append(found, s.Hash)
		}
	}
	if len(found) != 1 {
		return nil, notFound(fmt.Sprintf("%s has no secret %q; bongsu client show %s names them", stored.ID, short(clean(id)), stored.ID))
	}
	return found[0], nil
}

package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/consent"
	"github.com/bongsu/bongsu/broker/credential"
	"github.com/bongsu/bongsu/broker/history"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/negative"
	"github.com/bongsu/bongsu/broker/roster"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/status"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/providers/catalog"
	"github.com/bongsu/bongsu/providers/fetch"
)

func (b *Broker) openStore(ctx context.Context) error {
	if b.options.Shared != nil {
		b.store = b.options.Shared
		return nil
	}
	how := sqlstore.Options{
		Driver: b.config.Store.Driver, Path: b.config.Store.Path,
		Writer: b.config.Store.Writer, Reader: b.config.Store.Reader, Manual: b.config.Store.Manual, Logger: b.logger, Now: b.options.Now,
		Patient: true, // what this node keeps itself may do
	}
	if b.options.Store != nil {
		b.options.Store(&how)
	}
	opened, err := sqlstore.Open(ctx, how)
	if err != nil {
		return err
	}
	b.store = opened
	b.onClose("close store", opened.Close)
	return nil
}

func (b *Broker) openRings(ctx context.Context) error {
	var err error
	b.sealing, err = seal.Open(ctx, seal.Options{
		Store: b.snapshot.Sealing(b.store, b.store), Wrap: b.config.ClusterKey, Logger: b.logger, Now: b.options.Now,
		// What lives longest under the ring is a session or a browser's mark; a
		// day more covers the day its key went on sealing.
		OpensFor: max(b.config.Sessions.Lifetime+b.config.Sessions.OutageCeiling, login.MarkLife) + 48*time.Hour,
	})
	if err != nil {
		return fmt.Errorf("sealing ring: %w", err)
	}
	b.signing, err = keys.Open(ctx, keys.Options{
		Issuer: b.config.Issuer.String(), Site: b.config.Site, Algorithms: b.config.Keys.Algorithms,
		SiteIdentities: b.config.Identities(),
		Served:         b.served,
		Store:          b.snapshot.Signing(b.store, b.store), Wrap: b.config.SiteKey, PublishWindow: b.config.Keys.PublishWindow,
		ActiveFor: b.config.Keys.ActiveFor, RetireFor: b.config.Keys.RetireFor, Logger: b.logger, Now: b.options.Now,
	})
	if err != nil {
		return fmt.Errorf("signing ring: %w", err)
	}
	return nil
}

func (b *Broker) openNegative(ctx context.Context) error {
	var path string
	if b.config.DataDir != "" {
		path = filepath.Join(b.config.DataDir, "negative.log")
	}
	if len(b.snapshot.Served()) > 0 { // nobody answered a moment ago: the feed is read when somebody does
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, feedAfterSilence)
		defer cancel()
	}
	set, err := negative.Open(ctx, negative.Options{
		Path: path, Store: b.store, Logger: b.logger, Now: b.options.Now,
		OnSaid: b.hinted,
		Site:   b.config.Site, Sites: len(b.config.Sites), Owner: b.owner,
		OnFact: func(f store.Fact) {
			if f.Kind == store.KeyWithdrawn && !f.Lifted {
				b.signing.Withdraw(f.ID)
			}
		},
	})
	if err != nil {
		return err
	}
	b.negative = set
	b.onClose("close negative log", set.Close)
	return nil
}

// owner is the site that may say by itself what becomes of a thing of its own.
func (b *Broker) owner(kind store.FactKind, id string) string {
	if kind == store.KeyWithdrawn {
		return b.signing.SiteOf(id)
	}
	return ""
}

// readClients reads the registrations of file and store. While the store is away it
// goes by those it kept, and does not say of anybody that they are registered nowhere.
func (b *Broker) readClients(ctx context.Context) error {
	noted := client.NoteSecrets(b.secretUsed)
	b.clients = client.NewDirectory(append(slices.Clone(b.options.Clients), noted)...)
	if err := b.clients.SetFile(b.config.Clients); err != nil {
		return err
	}
	if err := b.resources.Set(b.config.Resources); err != nil {
		return err
	}
	var err error
	b.roster, err = roster.New(roster.Options{
		Store: b.snapshot.Clients(b.store), Directory: b.clients, Read: b.config.Client,
		Now: b.options.Now, Logger: b.logger, Registerer: b.metrics.registry,
	})
	if err != nil {
		return err
	}
	b.clients.CompleteBy(b.roster.Complete)
	err = b.roster.Refresh(ctx)
	if err == nil {
		return nil
	}
	kept, err := b.snapshot.KeptClients(err)
	if err != nil {
		return err
	}
	b.roster.Restore(ctx, kept)
	return nil
}

func (b *Broker) buildProviders(ctx context.Context) error {
	how := fetch.Options{
		Allow: b.config.Outbound.Allow, AllowHTTP: b.config.Outbound.AllowHTTP,
		UserAgent: "Bongsu (+" + b.config.Issuer.String() + "/)", // whom a provider can ask about us
	}
	if b.options.Fetch != nil {
		b.options.Fetch(&how)
	}
	b.outgoing = fetch.New(how)
	var err error
	b.secrets, err = credential.New(credential.Options{
		Store: b.snapshot.Credentials(b.store), Wrap: b.config.ClusterKey, Now: b.options.Now, Logger: b.logger,
	})
	if err != nil {
		return err
	}
	for _, p := range b.config.Providers {
		built, err := catalog.New(b.changing(p))
		if err != nil {
			return fmt.Errorf("provider %s: %w", p.ID, err)
		}
		b.providers = append(b.providers, built)
	}
	if len(b.providers) == 0 {
		return errors.New("no provider is configured: nobody could log in")
	}
	return b.settle(ctx)
}

func catalogOptions(p config.Provider, outgoing *fetch.Client, b *Broker) catalog.Options {
	o := p.Catalog()
	o.Fetch, o.Logger, o.Now = outgoing, b.logger, b.options.Now
	o.Callback = b.config.Issuer.String() + "/callback/" + p.ID
	o.Pins, o.Distrusted = pins{b.snapshot.Pins(b.store)}, func(keyID string) bool { return b.distrusted(p.ID, keyID) }
	return o
}

func (b *Broker) buildLeaves(ctx context.Context) error {
	salt, err := b.secret(ctx, "subject salt")
	if err != nil {
		return fmt.Errorf("subject salt: %w", err)
	}
	auditKey, err := b.secret(ctx, "audit key")
	if err != nil {
		return fmt.Errorf("audit key: %w", err)
	}
	b.audit = audit.New(b.logger, auditKey, b.recorded)
	b.history, err = history.New(history.Options{
		Store: b.store, Site: b.config.Site, Now: b.options.Now, Logger: b.logger,
		NewID: func(at time.Time) (string, error) { return id.Dated(at, rand.Reader) },
	})
	if err != nil {
		return err
	}
	b.accounts, err = account.New(account.Options{
		Records: b.store, Negatives: b.negative, Salt: salt, Rand: rand.Reader, Now: b.options.Now,
	})
	if err != nil {
		return err
	}
	b.sessions, err = session.New(session.Options{
		Jar: b.jar, Seal: b.sealing, Negatives: b.negative,
		Idle: b.config.Sessions.Idle, Lifetime: b.config.Sessions.Lifetime,
		Ceiling: b.config.Sessions.OutageCeiling, Outages: b.outages, Forgotten: b.forgetDevice, Now: b.options.Now,
	})
	if err != nil {
		return err
	}
	b.pages, err = web.New(web.Options{Dev: b.options.Dev, StatusHref: status.Path})
	if err != nil {
		return err
	}
	b.discovery, err = token.Discovery(b.config.Issuer.String(), b.config.Keys.Algorithms)
	return err
}

func (b *Broker) buildWalk(context.Context) error {
	var err error
	private := make(map[string][]string)
	for _, p := range b.config.Providers {
		if len(p.OnlyFor) > 0 {
			private[p.ID] = p.OnlyFor
		}
	}
	b.consents, err = consent.New(consent.Options{Records: b.store, Negatives: b.negative, Now: b.options.Now})
	if err != nil {
		return err
	}
	b.login, err = login.New(login.Options{
		Issuer: b.config.Issuer, Origin: b.config.Origin(b.config.Site), MarkDomain: b.config.MarkDomain,
		Clients: b.clients, Providers: b.practised(), OnlyFor: private,
		Unordered: b.config.Languages.OrderWays, Language: b.config.Languages.Default,
		Accounts: b.accounts, Sessions: b.sessions, Consents: b.consents, Resources: &b.resources, Seal: b.sealing, Keys: b.signing,
		Pages: b.pages, Frame: b.frame, Observer: b, Counts: b.metrics, Health: b.board, Ceilings: b.ceilings,
		Standing: b.standing, Drills: b.drills, Handoffs: b.handoffs.desk, Elsewhere: b.elsewhere(), Admit: b.mayStartAt, Asked: b.asked,
		Neighbourhood: func(r *http.Request) string { return neighbourhood(b.clientAddress(r)) },
		Contact:       b.contact.State, Devices: b.known, Arbiter: b.arbiterNow,
		Audit: b.audit, Rand: rand.Reader, Now: b.options.Now,
		Dev: b.options.Dev,
	})
	if err != nil {
		return err
	}
	b.logout = &session.Logout{
		Sessions: b.sessions, Clients: b.clients, Keys: b.signing, Tags: b.sealing,
		Pages: b.pages, Audit: b.audit, Path: "/logout", Confirm: "/logout/confirm", Websites: b.websites,
		Frame: b.frameIn,
	}
	assertions, err := b.assertions()
	if err != nil {
		return err
	}
	b.token, err = token.New(token.Options{
		Assertions: assertions,
		Issuer:     b.config.Issuer.String(), Clients: b.clients, Keys: b.signing, Seal: b.sealing,
		Grants: b.store, Negatives: b.negative, Audit: b.audit, Rand: rand.Reader, Now: b.options.Now,
		WayClaim: b.options.Dev, Limits: b, Arbiters: b.arbiter, WriterLost: b.writerLost, Stale: b.stale,
		Elsewhere: attempts{b}, Wrap: b.config.ClusterKey, Subjects: b.accounts, Resources: &b.resources,
	})
	if err != nil {
		return err
	}
	b.answerAttempts()
	return nil
}

package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// maxExported bounds each list of what a person takes with them.
const maxExported = 1000

// ownData is what we hold on a person, in words that a program can read. The seed
// is no part of it: it says nothing about anybody and would make subjects.
type ownData struct {
	ExportedAt time.Time    `json:"exported_at"`
	Account    ownAccount   `json:"account"`
	Ways       []ownWay     `json:"ways_to_sign_in"`
	Consents   []ownConsent `json:"consents"`
	SignIns    []ownSignIn  `json:"sign_ins_at_websites"`
	Events     []ownEvent   `json:"recent_activity"`
}

type ownAccount struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Phone         string    `json:"phone_number"`
	PhoneVerified bool      `json:"phone_number_verified"`
	Picture       string    `json:"picture"`
	Locale        string    `json:"locale"`
	Language      string    `json:"language"`
	OpenedDuring  string    `json:"opened_during_outage_of"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

type ownWay struct {
	Provider string    `json:"provider"`
	Subject  string    `json:"subject"`
	Since    time.Time `json:"since"`
}

type ownConsent struct {
	Website  string    `json:"website"`
	Scope    []string  `json:"scope"`
	Declined []string  `json:"declined"`
	GivenAt  time.Time `json:"given_at"`
}

type ownSignIn struct {
	Website   string    `json:"website"`
	Subject   string    `json:"subject"` // as that website knows the person; empty: it is registered no more
	Scope     []string  `json:"scope"`
	Provider  string    `json:"provider"`
	SID       string    `json:"session"`
	ACR       string    `json:"acr"`
	AMR       []string  `json:"amr"`
	AuthTime  time.Time `json:"auth_time"`
	At        time.Time `json:"at"`
	ForgetsAt time.Time `json:"forgotten_at"`
}

type ownEvent struct {
	At       time.Time `json:"at"`
	What     string    `json:"what"`
	Website  string    `json:"website"`
	Provider string    `json:"provider"`
	Device   string    `json:"device"`
	Site     string    `json:"site"`
	SID      string    `json:"session"`
}

// downloadData gives a person who proved themselves just now what we hold on them.
func (b *Broker) downloadData(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	who, err := b.personalForm(w, r)
	if err != nil {
		return err
	}
	if !b.login.Fresh(who.Session) {
		return b.askStep(w, r, &own{who.Session, who.Account}, web.StepData, "data", http.StatusForbidden)
	}
	data, err := b.dataOf(ctx, who.Account)
	if err != nil {
		return againAt(accountPath+"/data", err)
	}
	body, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		return fmt.Errorf("encode data: %w", err)
	}
	b.audit.Record(ctx, audit.Event{
		Name: audit.AccountExported, Account: who.Account.ID, Device: device.Label(r), Session: who.Session.SID,
	})
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Disposition", `attachment; filename="account.json"`)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	_, err = w.Write(body)
	return err
}

// dataOf reads what we hold on a person. An error means that some of it could not
// be read: half of it would not be all.
func (b *Broker) dataOf(ctx context.Context, a store.Account) (ownData, error) {
	_ = b.history.Flush(ctx)
	links, err := b.accounts.Links(ctx, a.ID)
	if err != nil {
		return ownData{}, err
	}
	consents, err := b.store.ConsentsOf(ctx, a.ID, maxExported)
	if err != nil {
		return ownData{}, err
	}
	grants, err := b.store.GrantsOfAccount(ctx, a.ID, b.options.Now(), maxExported)
	if err != nil {
		return ownData{}, err
	}
	events, err := b.store.EventsOf(ctx, a.ID, maxExported)
	if err != nil {
		return ownData{}, err
	}
	data := ownData{
		ExportedAt: b.options.Now().UTC(),
		Account: ownAccount{
			ID: a.ID, Name: a.Name, Email: a.Email, EmailVerified: a.EmailVerified, Phone: a.Phone, PhoneVerified: a.PhoneVerified,
			Picture: a.Picture, Locale: a.Locale, Language: a.Language, OpenedDuring: a.OpenedDuring,
			CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
		},
	}
	for _, l := range links {
		data.Ways = append(data.Ways, ownWay{Provider: l.Provider, Subject: l.Subject, Since: l.CreatedAt})
	}
	for _, c := range consents {
		data.Consents = append(data.Consents, ownConsent{Website: c.ClientID, Scope: c.Scope, Declined: c.Declined, GivenAt: c.GivenAt})
	}
	for _, g := range grants {
		data.SignIns = append(data.SignIns, b.ownSignIn(a, g))
	}
	for _, e := range events {
		data.Events = append(data.Events, ownEvent{
			At: e.At, What: e.What, Website: e.ClientID, Provider: e.Provider, Device: e.Device, Site: e.Site, SID: e.SID,
		})
	}
	return data, nil
}

func (b *Broker) ownSignIn(a store.Account, g store.Grant) ownSignIn {
	made := ownSignIn{
		Website: g.ClientID, Scope: g.Scope, Provider: g.Provider, SID: g.SID, ACR: g.ACR, AMR: g.AMR,
		AuthTime: g.AuthTime, At: g.CreatedAt, ForgetsAt: g.ExpiresAt,
	}
	if known, ok := b.clients.Client(g.ClientID); ok {
		made.Subject = b.accounts.Subject(a, known)
	}
	return made
}

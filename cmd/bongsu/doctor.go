package main

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/doctor"
	"github.com/bongsu/bongsu/providers/fetch"
)

func newClientDoctor() *cobra.Command {
	d := &desk{}
	var address string
	cmd := &cobra.Command{
		Use:   "doctor ID [--url URI] (--config FILE | --admin URL)",
		Short: "Find out what is wrong with a website's registration and its addresses",
		Long: `Look at a website's registration, at the age and the use of its secrets, at the
broker's discovery and keys, and at the website's own addresses, all from this machine;
and at what the node has seen it do since it started: challenge, state and nonce of its
latest login requests, and whether it took word of ended sessions. Other nodes saw others.
It lists the callbacks that the consoles of the providers must know, at the issuer and at
the origin of every site: those nobody can look at from here.
With --url it says how an address differs from the registered ones. Exit code 4 tells
that a problem was found.` + deskLong,
		Example: `  bongsu client doctor shop --config bongsu.yaml
  bongsu client doctor shop --url https://shop.example.kr/login/callback --config bongsu.yaml`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.ShowClient(cmd.Context(), args[0])
			if err != nil {
				return ordered(cmd, err)
			}
			patient := doctor.Patient{Issuer: got.Issuer, Registration: got.Registration, URL: address, Seen: got.Seen}
			for _, c := range got.Callbacks {
				patient.Callbacks = append(patient.Callbacks, doctor.Callback{Provider: c.Provider, Addresses: c.Callbacks})
			}
			for _, s := range got.Secrets {
				patient.Secrets = append(patient.Secrets, doctor.Secret{ID: s.ID, MadeAt: s.CreatedAt, UsedAt: s.UsedAt})
			}
			// Whoever looks reaches what their own network does, and no more.
			everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
			outgoing := fetch.New(fetch.Options{Allow: everywhere, AllowHTTP: true})
			defer outgoing.Close()
			found, err := doctor.Doctor{HTTP: outgoing.HTTP(), Now: time.Now}.Examine(cmd.Context(), patient)
			if err != nil {
				return err
			}
			return d.found(cmd, got.ID, found)
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&address, "url", "", "a `URI` that the website wants codes sent to")
	return cmd
}

// found shows what a doctor found.
func (d *desk) found(cmd *cobra.Command, id string, found []doctor.Finding) error {
	problems := 0
	for _, f := range found {
		if f.Level == doctor.Problem {
			problems++
		}
	}
	if err := d.show(cmd, found, func(out io.Writer) {
		for _, f := range found {
			say(out, "%s\t%s\t%s\n", f.Level, f.Check, f.Says)
		}
	}); err != nil {
		return err
	}
	if problems > 0 {
		return partial{fmt.Errorf("%s of %s", count(problems, "problem"), id)}
	}
	return nil
}

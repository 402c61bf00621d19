package config

import (
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/keys"
)

// resources checks the APIs that access tokens are made for. The clients they
// name need not stand in this file: others are registered in the store.
func (c *checker) resources() {
	ids := make(map[string]int)
	for i := range c.file.Resources {
		path, w := index("resources", i), &c.file.Resources[i]
		if c.bad[path] {
			continue
		}
		if first, ok := ids[w.ID]; ok && w.ID != "" {
			c.add(path+".id", "%s.id %s is already that of resources[%d]", path, readable(w.ID), first)
		}
		ids[w.ID] = i
		built := &client.Resource{
			ID: w.ID, Name: w.Name, Scopes: w.Scopes, Clients: w.Clients, Introspects: w.Introspects,
			SigningAlg: keys.Algorithm(w.SigningAlg),
		}
		if issuer := c.config.Issuer; issuer != nil && w.ID == issuer.String() {
			c.add(path+".id", "%s.id must not be the issuer, whose tokens are for userinfo", path)
		}
		c.validate(path, built.Validate(), nil)
		c.config.Resources = append(c.config.Resources, built)
	}
}

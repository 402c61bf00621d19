package entra

// IssuerOf lets tests ask about Microsoft's own tenants, which no simulation has.
var IssuerOf = issuerOf

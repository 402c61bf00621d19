// Command go is a website with coreos/go-oidc and x/oauth2.
//
//	BONGSU_ISSUER=http://localhost:8417 BONGSU_CLIENT_ID=demo BONGSU_CLIENT_SECRET=demo-secret \
//	APP_URL=http://localhost:3000 go run ./deploy/quickstarts/go
package main

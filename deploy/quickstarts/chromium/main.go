package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/chromedp/chromedp"
)

const patience = time.Minute // for a whole login

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: chromium APP WAY PERSON")
		os.Exit(2)
	}
	shown, err := run(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(shown)
}

func run(app, way, person string) (string, error) {
	bounded, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	options := []chromedp.ExecAllocatorOption{
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-background-networking", true),
		chromedp.WSURLReadTimeout(patience),
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, release := chromedp.NewExecAllocator(bounded, options...)
	defer release()
	ctx, closed := chromedp.NewContext(allocator)
	defer closed()
	return login(ctx, app, way, person)
}

func login(ctx context.Context, app, way, person string) (string, error) {
	const end = "#me:not(:empty)"
	err := chromedp.Do(ctx,
		chromedp.Navigate(app+"/login"), chromedp.Click("#login"),
		chromedp.Click("#way-"+way), chromedp.WaitReady("#continue"),
	)
	if err != nil {
		return "", fmt.Errorf("choose %s: %w", way, err)
	}
	address, err := chromedp.Run(ctx, chromedp.Location())
	if err == nil {
		err = chromedp.Do(ctx, chromedp.Navigate(address+"&person="+url.QueryEscape(person)),
			chromedp.Click("#continue"), chromedp.WaitReady("#new-account, "+end))
	}
	if err != nil {
		return "", fmt.Errorf("log in: %w", err)
	}
	asked, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.getElementById('new-account') !== null"))
	if err == nil && asked {
		err = chromedp.Do(ctx, chromedp.Click("#new-account"), chromedp.WaitReady(end))
	}
	if err != nil {
		return "", fmt.Errorf("open an account: %w", err)
	}
	return chromedp.Run(ctx, chromedp.TextContent(end))
}

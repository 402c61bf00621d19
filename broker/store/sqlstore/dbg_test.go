package sqlstore
import ("testing";"log/slog";"os";"time";"context";"fmt")
func TestDbg(t *testing.T){
	first, _, dsn := twoServers(t)
	s := mustOpen(t, Options{Driver: Postgres, Writer: dsn, Logger: slog.New(slog.NewTextHandler(os.Stderr,nil))})
	c:=claimer(t,s)
	stop := load(t, 16, func(ctx context.Context) error { b:=time.Now(); err:=c(ctx); if err!=nil || time.Since(b)>500*time.Millisecond { fmt.Fprintln(os.Stderr, time.Now().Format("05.000"), time.Since(b), err) }; return err})
	eventually(t, 10*time.Second, c)
	fmt.Fprintln(os.Stderr, time.Now().Format("05.000"), "freeze")
	first.Freeze()
	wait(t.Context(), 6*time.Second)
	first.Thaw()
	t.Log(stop())
}

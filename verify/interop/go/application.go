package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chassis/go-archaius"
	_ "github.com/go-chassis/go-archaius/source/remote/configcenter" // the SDK brings kie alone
	"github.com/go-chassis/go-chassis/v2"
	"github.com/go-chassis/go-chassis/v2/client/rest"
	"github.com/go-chassis/go-chassis/v2/core"
	"github.com/go-chassis/go-chassis/v2/core/common"
	_ "github.com/go-chassis/go-chassis/v2/middleware/ratelimiter" // in no chain, as long as nobody asks for it
	"github.com/go-chassis/go-chassis/v2/pkg/runtime"
	"github.com/go-chassis/go-chassis/v2/server/restful"
)

// What a provider saw of a call; the same in every language of this suite.
type echo struct {
	Service string `json:"service"`
	Method  string `json:"method"`
	Text    string `json:"text"`
	// Who calls, as the SDK reads it.
	Caller string `json:"caller"`
	// The field x-cse-context as it came.
	Context string `json:"context"`
	// What the caller put into the context under "user", as the SDK gives it.
	User string `json:"user"`
}

// What a consumer got.
type call struct {
	Status int             `json:"status"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// Operations of the application.
type Application struct{}

// URLPatterns tells the SDK of the operations.
func (a *Application) URLPatterns() []restful.Route {
	return []restful.Route{
		{Method: http.MethodGet, Path: "/echo", ResourceFunc: a.Echo},
		{Method: http.MethodPost, Path: "/echo", ResourceFunc: a.Echo},
		{Method: http.MethodGet, Path: "/refuse", ResourceFunc: a.Refuse},
		{Method: http.MethodGet, Path: "/call", ResourceFunc: a.Call},
		{Method: http.MethodGet, Path: "/setting", ResourceFunc: a.Setting},
	}
}

// Echo answers what it saw.
func (a *Application) Echo(exchange *restful.Context) {
	request := exchange.ReadRequest()
	text := exchange.ReadQueryParameter("text")
	if request.Method == http.MethodPost {
		var body struct {
			Text string `json:"text"`
		}
		if err := exchange.ReadEntity(&body); err != nil {
			_ = exchange.WriteError(http.StatusBadRequest, err)
			return
		}
		text = body.Text
	}
	_ = exchange.WriteJSON(echo{
		Service: runtime.ServiceName,
		Method:  request.Method,
		Text:    text,
		Caller:  common.GetXCSEContext(common.HeaderSourceName, request),
		Context: exchange.ReadHeader(common.HeaderXCseContent),
		User:    common.FromContext(exchange.Ctx)["User"],
	}, common.JSON)
}

// Refuse answers with the status that it is asked for, else with 409, and a body, both of which must reach the caller.
func (a *Application) Refuse(exchange *restful.Context) {
	status, err := strconv.Atoi(exchange.ReadQueryParameter("text"))
	if err != nil {
		status = http.StatusConflict
	}
	_ = exchange.WriteHeaderAndJSON(status, "refused by "+runtime.ServiceName, common.JSON)
}

// Call calls another service with the SDK, and answers what came.
func (a *Application) Call(exchange *restful.Context) {
	answer, err := consume(
		exchange.ReadQueryParameter("service"),
		exchange.ReadQueryParameter("operation"),
		exchange.ReadQueryParameter("method"),
		exchange.ReadQueryParameter("text"),
		exchange.ReadQueryParameter("user"),
	)
	if err != nil {
		answer.Error = err.Error()
	}
	_ = exchange.WriteJSON(answer, common.JSON)
}

// Setting answers what the SDK knows of a key of the configuration.
func (a *Application) Setting(exchange *restful.Context) {
	_ = exchange.WriteJSON(archaius.GetString(exchange.ReadQueryParameter("key"), ""), common.JSON)
}

func consume(service, operation, method, text, user string) (call, error) {
	target := "http://" + service + "/" + operation
	var body []byte
	if method == http.MethodPost {
		body, _ = json.Marshal(map[string]string{"text": text})
	} else {
		target += "?text=" + url.QueryEscape(text)
	}
	request, err := rest.NewRequest(method, target, body)
	if err != nil {
		return call{}, err
	}
	ctx := context.WithValue(context.Background(), common.ContextHeaderKey{}, map[string]string{"user": user})
	response, err := core.NewRestInvoker().ContextDo(ctx, request)
	if response == nil {
		return call{}, err
	}
	if response.Body == nil {
		// The SDK's own word.
		return call{Status: response.StatusCode}, err
	}
	defer response.Body.Close()
	read, _ := io.ReadAll(response.Body)
	if read = bytes.TrimSpace(read); !json.Valid(read) {
		read, _ = json.Marshal(string(read))
	}
	return call{Status: response.StatusCode, Answer: read}, err
}

func serve() error {
	chassis.RegisterSchema("rest", &Application{})
	if err := chassis.Init(); err != nil {
		return err
	}
	return chassis.Run()
}

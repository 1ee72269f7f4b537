package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/go-chassis/cari/discovery"
	sc "github.com/go-chassis/sc-client"
)

// How long an event may take.
const patience = 10 * time.Second

// What one step saw. The suite judges it.
type sight struct {
	Step  string      `json:"step"`
	Value interface{} `json:"value,omitempty"`
	Error string      `json:"error,omitempty"`
}

type course struct {
	client *sc.Client
	events chan *sc.MicroServiceInstanceChangedEvent
}

func (c *course) tell(step string, value interface{}, err error) {
	seen := sight{Step: step, Value: value}
	if err != nil {
		seen.Error = err.Error()
	}
	line, err := json.Marshal(seen)
	if err != nil {
		line = []byte(fmt.Sprintf(`{"step":%q,"error":%q}`, step, err))
	}
	fmt.Println(string(line))
}

func (c *course) tellEvent(step string) {
	select {
	case event := <-c.events:
		seen := []string{event.Action, event.Key.ServiceName, event.Instance.InstanceId, event.Instance.Status}
		c.tell(step, seen, nil)
	case <-time.After(patience):
		c.tell(step, nil, errors.New("no event came"))
	}
}

// Walks the life of a provider and of a consumer with calls of sc-client. A step that fails stops nothing.
func walk(registry string) error {
	address, err := url.Parse(registry)
	if err != nil {
		return err
	}
	// Once at the start is enough: see `readiness`.
	_ = os.Setenv(sc.EnvCheckSCIInterval, "86400")
	client, err := sc.NewClient(sc.Options{Endpoints: []string{address.Host}, Timeout: patience})
	if err != nil {
		return err
	}
	c := &course{client: client, events: make(chan *sc.MicroServiceInstanceChangedEvent, 64)}
	provider, consumer := c.services()
	c.schemas(provider)
	instance := c.instance(provider, consumer)
	c.find(provider, consumer)
	c.change(provider, instance)
	c.views(provider, consumer)
	c.leave(provider, consumer, instance)
	return nil
}

func service(name string) *discovery.MicroService {
	return &discovery.MicroService{
		AppId: "default", ServiceName: name, Version: "1.0.0", Level: "BACK", Status: sc.MicorserviceUp,
		RegisterBy: "SDK", Framework: &discovery.FrameWork{Name: "sc-client", Version: "0"},
	}
}

func (c *course) services() (provider, consumer string) {
	absent, err := c.client.GetMicroServiceID("default", "sc-provider", "1.0.0", "")
	c.tell("absent", absent, err)
	provider, err = c.client.RegisterService(service("sc-provider"))
	c.tell("provider", provider, err)
	consumer, err = c.client.RegisterService(service("sc-consumer"))
	c.tell("consumer", consumer, err)
	present, err := c.client.GetMicroServiceID("default", "sc-provider", "1.0.0", "")
	c.tell("present", present, err)
	_, err = c.client.UpdateMicroServiceProperties(provider,
		&discovery.MicroService{Properties: map[string]string{"team": "blue"}})
	c.tell("properties", nil, err)
	record, err := c.client.GetMicroService(provider)
	c.tell("record", record, err)
	return provider, consumer
}

func (c *course) schemas(provider string) {
	c.tell("schema added", nil, c.client.AddSchemas(provider, "echo", "swagger: \"2.0\"\n"))
	schema, err := c.client.GetSchema(provider, "echo")
	c.tell("schema", string(schema), err)
	record, err := c.client.GetMicroService(provider)
	if record == nil {
		record = &discovery.MicroService{}
	}
	c.tell("schemas", record.Schemas, err)
}

func (c *course) instance(provider, consumer string) string {
	// The registry tells a watcher of what it has asked for.
	none, err := c.client.FindMicroServiceInstances(consumer, "default", "sc-provider", "0+", sc.WithoutRevision())
	c.tell("none found", len(none), err)
	err = c.client.WatchMicroService(consumer, func(event *sc.MicroServiceInstanceChangedEvent) { c.events <- event })
	c.tell("watch", nil, err)
	instance, err := c.client.RegisterMicroServiceInstance(&discovery.MicroServiceInstance{
		ServiceId: provider, HostName: "interop", Status: sc.MSInstanceUP, Endpoints: []string{"rest://127.0.0.1:9"},
		HealthCheck: &discovery.HealthCheck{Mode: sc.CheckByHeartbeat, Interval: 30, Times: 3},
	})
	c.tell("instance", instance, err)
	c.tellEvent("event of the instance")
	alive, err := c.client.Heartbeat(provider, instance)
	c.tell("heartbeat", alive, err)
	err = c.client.WSHeartbeat(provider, instance, func() {})
	c.tell("heartbeat by web socket", nil, err)
	return instance
}

func (c *course) find(provider, consumer string) {
	c.client.ResetRevision()
	found, err := c.client.FindMicroServiceInstances(consumer, "default", "sc-provider", "0+")
	c.tell("found", found, err)
	_, err = c.client.FindMicroServiceInstances(consumer, "default", "sc-provider", "0+")
	c.tell("found again", errors.Is(err, sc.ErrNotModified), nil)
	_, err = c.client.FindMicroServiceInstances(consumer, "default", "sc-nobody", "0+")
	c.tell("found nobody", errors.Is(err, sc.ErrMicroServiceNotExists), nil)
	key := func(name string) *discovery.FindService {
		return &discovery.FindService{
			Service: &discovery.MicroServiceKey{AppId: "default", ServiceName: name, Version: "0+"},
		}
	}
	batch, err := c.client.BatchFindInstances(consumer,
		[]*discovery.FindService{key("sc-provider"), key("sc-nobody")}, sc.WithoutRevision())
	c.tell("batch", batch, err)
	instances, err := c.client.GetMicroServiceInstances(consumer, provider)
	c.tell("instances", instances, err)
}

func (c *course) change(provider, instance string) {
	_, err := c.client.UpdateMicroServiceInstanceProperties(provider, instance,
		&discovery.MicroServiceInstance{Properties: map[string]string{"rack": "7"}})
	c.tell("instance properties", nil, err)
	c.tellEvent("event of the properties")
	_, err = c.client.UpdateMicroServiceInstanceStatus(provider, instance, sc.MSIinstanceDown)
	c.tell("status", nil, err)
	c.tellEvent("event of the status")
}

func (c *course) views(provider, consumer string) {
	all, err := c.client.GetAllMicroServices()
	c.tell("all services", names(all), err)
	applications, err := c.client.GetAllApplications()
	c.tell("applications", applications, err)
	details, err := c.client.GetAllResources("instances")
	var of []string
	for _, detail := range details {
		if len(detail.Instances) > 0 {
			of = append(of, detail.MicroService.ServiceName)
		}
	}
	c.tell("services with instances", of, err)
	providers, err := c.client.GetProviders(consumer)
	if providers == nil {
		providers = &sc.MicroServiceProvideResponse{}
	}
	c.tell("providers", names(providers.Services), err)
}

func names(services []*discovery.MicroService) []string {
	names := []string{}
	for _, service := range services {
		names = append(names, service.ServiceName)
	}
	return names
}

func (c *course) leave(provider, consumer, instance string) {
	_, err := c.client.UnregisterMicroServiceInstance(provider, instance)
	c.tell("instance gone", nil, err)
	c.tellEvent("event of the end")
	alive, err := c.client.Heartbeat(provider, instance)
	c.tell("heartbeat of nobody", alive, err)
	for _, id := range []string{provider, consumer} {
		_, err = c.client.UnregisterMicroService(id)
		c.tell("service gone", id, err)
	}
	absent, err := c.client.GetMicroServiceID("default", "sc-provider", "1.0.0", "")
	c.tell("absent again", absent, err)
}

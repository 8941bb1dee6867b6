package events_test

import (
	"reflect"
	"testing"
	"time"

	"dht/events"
)

func TestUpdate_RoundTrip(t *testing.T) {
	want := []events.Request{
		{Key: []byte("a"), Value: []byte("v"), Update: events.UpdateSet, If: events.IfAbsent, Keep: true, Old: true},
		{Key: []byte("a"), Value: []byte("-1"), Update: events.UpdateAdd, AlsoAsked: true, Expires: 5},
		{Key: []byte("a"), Update: events.UpdateDelete, If: events.IfVersion, Before: events.NewClock(time.Now).Next()},
		{Key: []byte("a"), Update: events.UpdateRead, Head: true, Limit: 9},
		{Key: []byte{0xff}, To: []byte{0xfe}, Update: events.UpdateRename},
	}
	got, err := events.DecodeRequests(events.AppendRequests(nil, want...))
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d requests, %v", len(got), err)
	}
	for i := range want {
		if len(got[i].Value) == 0 {
			got[i].Value = nil
		}
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("read %+v, want %+v", got[i], want[i])
		}
	}
	answer := events.Answer{Node: "linux", Status: events.StatusUnchanged, Before: events.NewClock(time.Now).Next()}
	answers, err := events.DecodeAnswers(events.AppendAnswers(nil, answer))
	if err != nil || answers[0].Before != answer.Before || answers[0].Status != answer.Status {
		t.Errorf("read %+v, %v", answers, err)
	}
}

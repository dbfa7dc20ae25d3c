package main

import (
	"context"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

const bucketName = "models"

// A server speaks S3 on a loopback address and keeps everything in memory.
type server struct {
	listener  net.Listener
	http      http.Server
	transport http.Transport
	done      chan struct{}
}

// serve starts a server with an empty bucket.
func serve() (*server, error) {
	backend := s3mem.New()
	if err := backend.CreateBucket(bucketName); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{listener: listener, done: make(chan struct{})}
	s.http.Handler = gofakes3.New(backend).Server()
	go func() {
		defer close(s.done)
		s.http.Serve(listener) // until it is closed
	}()
	return s, nil
}

// open opens the server's bucket.
func (s *server) open(ctx context.Context) (*blob.Bucket, error) {
	return s3blob.OpenBucket(ctx, s3.New(s3.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String("http://" + s.listener.Addr().String()),
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider("nobody", "checks this", ""),
		HTTPClient:   &http.Client{Transport: &s.transport},
	}), bucketName, nil)
}

// close stops the server and waits until it has.
func (s *server) close() error {
	s.transport.CloseIdleConnections()
	err := s.http.Close()
	<-s.done
	return err
}

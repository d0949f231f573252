module podtimeline.dev/hack/tools

go 1.24.0

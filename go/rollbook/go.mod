module rollbook.dev/go/rollbook

go 1.26.0

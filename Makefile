# Everything that is done with this repository. It needs Go, GNU make and, for
# `make race`, gcc. `make` alone lists what there is.

GO          ?= go
COUNT       ?= 20
MP_KILLS    ?= 10000
FUZZTIME    ?= 10s
TIMEOUT     ?= 5m
STATICCHECK ?= $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The library, and the modules that need more than it does.
MODULES   := . examples cmd/mp
PLATFORMS := linux/arm64 darwin/arm64 windows/amd64 freebsd/amd64
# The packages whose tests start processes, and those of their tests that read MP_KILLS.
FAMILY    := . ./pool ./mpnet
KILLERS   := FAULT01|FAULT02|AtRandomMoments|Killed|Kills|WholeWhoever
# package:target, one a line, of every fuzz test.
FUZZ       = $(shell grep -rno --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' internal | sed 's|/[^/]*:[0-9]*:func |:|')

.DEFAULT_GOAL := help
.PHONY: help test race stress chaos cpu bench demo fmt tidy vet lint cross fuzz ci clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  variables: COUNT=$(COUNT) MP_KILLS=$(MP_KILLS) FUZZTIME=$(FUZZTIME) TIMEOUT=$(TIMEOUT) BENCH='-run REGEXP -json FILE'"

# $(call each,COMMAND): run COMMAND in every module, up to the first that fails.
each = @set -e; for m in $(MODULES); do echo "== $$m: $(1)"; (cd $$m && $(1)); done

test: ## the whole suite of all modules
	$(call each,$(GO) test -timeout $(TIMEOUT) ./...)

race: ## the suite of the library with the race detector
	$(GO) test -race -timeout 10m ./...

stress: ## the tests that start processes, COUNT times, in any order
	$(GO) test -count $(COUNT) -shuffle on -timeout 60m $(FAMILY) ./internal/...

chaos: ## kill workers and processes MP_KILLS times while they work
	MP_KILLS=$(MP_KILLS) $(GO) test -count 1 -timeout 120m -run '$(KILLERS)' $(FAMILY) ./internal/shm ./internal/fdstore

cpu: ## the tests that start processes, with 1, 2 and 4 Ps
	$(GO) test -count 1 -cpu 1,2,4 -timeout 20m $(FAMILY)

bench: bin/mp ## compare with CPython, goroutines and the machine's limits (takes minutes)
	bin/mp bench $(BENCH)

demo: bin/md5tree ## the main job: md5 of the Go tree; plain, then with kills and poison
	bin/md5tree
	@echo "bin/md5tree -kill 3 -poison    (what the crashing workers write is in bin/crashes.txt)"
	@bin/md5tree -kill 3 -poison 2>bin/crashes.txt || { cat bin/crashes.txt >&2; exit 1; }

# Both are always built anew: make does not know what they are made of, go does.
.PHONY: bin/mp bin/md5tree
bin/mp:
	@cd cmd/mp && $(GO) build -o ../../bin/.mp-linked .
	@# The linker writes its output page by page, all over the file; what is copied in
	@# one go, as every installed program is, starts 0.1 ms faster.
	@cp bin/.mp-linked bin/.mp-copy && mv bin/.mp-copy bin/mp && rm bin/.mp-linked
bin/md5tree:
	@cd examples && $(GO) build -o ../bin/md5tree ./md5tree

fmt: ## format all Go files
	gofmt -w .

tidy: ## bring go.mod and go.sum of all modules up to date
	$(call each,$(GO) mod tidy)

vet: ## go vet for all modules
	$(call each,$(GO) vet ./...)

lint: vet ## staticcheck for all modules (STATICCHECK=staticcheck takes an installed one)
	$(call each,$(STATICCHECK) ./...)

cross: ## build everything, with its tests, for the other systems
	@set -e; for p in $(PLATFORMS); do for m in $(MODULES); do \
		echo "== $$p: $$m"; \
		(cd $$m && export GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 && $(GO) build ./... && $(GO) vet ./...); \
	done; done

fuzz: ## every fuzz test for FUZZTIME
	@set -e; for f in $(FUZZ); do \
		echo "== $${f%%:*} $${f##*:}"; \
		$(GO) test -run '^$$' -fuzz "^$${f##*:}\$$" -fuzztime $(FUZZTIME) ./$${f%%:*}; \
	done

ci: ## what the continuous integration runs
	bash .ci/run

clean: ## remove what was built
	rm -rf bin

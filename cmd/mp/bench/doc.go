// Package bench compares workloads of package mp with their rivals, in one run
// on one machine.
//
// It knows nothing of package mp: a [Workload] brings its measurements, and this
// package repeats them and compares the figures.
//
// # How a comparison is made
//
// A measurement is one fresh process, which warms up, measures for a fraction of
// a second, checks every result that it has timed, and prints one line (see
// [Result]). A round takes one measurement of ours and one of each rival; every
// other round takes them in the reverse order, so that a drift of the machine
// hits all alike. After the rounds, medians are compared.
//
// CPython is measured by a script of its own (script/*.py), which does the
// same work, repeats it in the same way and checks it as strictly. All versions
// found on the machine run every workload briefly, the best of them three times,
// and the one with the best median takes part in the rounds. A rival that is not
// there is said to be missing.
//
// # What the figures can and cannot say
//
// A ratio above 1 always means that we are ahead. Medians over a few seconds
// outlast a neighbour's short burst of work, not a busy machine: how much of the
// CPUs went to others is printed below the table.
package bench

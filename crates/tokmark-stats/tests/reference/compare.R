# The same comparisons as compare.py made, once more with R: the binomial test and its quantiles
# from stats, Holm from p.adjust, and the shares of the error that looks may spend from rpact
# (type asKD: Kim and DeMets' power family). Writes r.json, which tests/reference.rs reads.
#
# Run from this folder, after compare.py: Rscript compare.R (R 4.2 or newer, jsonlite, rpact)

suppressMessages({ library(jsonlite); library(rpact) })
ALPHA <- 0.05
read <- function(name) fromJSON(paste0(name, ".json"), simplifyVector = FALSE)$cases

# Error of each look of a series, as increments.
spent <- function(looks) {
  if (length(looks) == 1) return(ALPHA)
  design <- getDesignGroupSequential(
    typeOfDesign = "asKD", gammaA = 3, alpha = ALPHA, sided = 2,
    informationRates = looks / max(looks)
  )
  diff(c(0, design$alphaSpent))
}

spending <- lapply(read("spending"), function(case) {
  looks <- unlist(case$looks)
  list(max_pairs = unbox(case$max_pairs), alpha = spent(looks))
})

# Exact interval of the median and sign test of independent pairs, at the level of the look.
look <- function(ratios, alpha, same_within) {
  x <- sort(log(ratios))
  n <- length(x)
  p <- min(1, binom.test(sum(x > 0), n, 0.5)$p.value * ALPHA / alpha)
  k <- qbinom(alpha / 2, n, 0.5)
  while (k > 0 && pbinom(k - 1, n, 0.5) > alpha / 2) k <- k - 1
  if (k == 0) return(list(low = unbox(NA), high = unbox(NA), p = unbox(p), verdict = unbox("undecided")))
  low <- exp(x[k])
  high <- exp(x[n - k + 1])
  verdict <- if (low >= 1 / (1 + same_within) && high <= 1 + same_within) "same"
    else if (low > 1) "faster" else if (high < 1) "slower" else "undecided"
  list(low = unbox(low), high = unbox(high), p = unbox(p), verdict = unbox(verdict))
}

# The looks that compare.py knows, up to the largest.
looks_to <- function(n_max) {
  for (case in read("spending")) if (case$max_pairs == n_max) return(unlist(case$looks))
  stop(paste("no looks up to", n_max))
}

verdicts <- lapply(read("verdicts"), function(case) {
  n <- length(case$ratios)
  alpha <- ALPHA
  if (!is.null(case$max_pairs)) {
    looks <- looks_to(case$max_pairs)
    # The increments of the formula: those of rpact carry the error of its integration.
    alpha <- diff(c(0, ALPHA * (looks / max(looks))^3))[looks == n]
  }
  look(unlist(case$ratios) / 1e6, alpha, case$same_within)
})

families <- lapply(read("families"), function(case) {
  p <- sapply(case$families, function(ratios) {
    x <- log(unlist(ratios) / 1e6)
    binom.test(sum(x > 0), length(x), 0.5)$p.value
  })
  p.adjust(p, method = "holm")
})

holm <- lapply(read("holm"), function(case) p.adjust(unlist(case$p), method = "holm"))

made <- paste0(R.version.string, ", rpact ", packageVersion("rpact"))
write(toJSON(
  list(made_with = unbox(made), spending = spending, verdicts = verdicts, families = families, holm = holm),
  digits = NA, na = "null", pretty = FALSE
), "r.json")

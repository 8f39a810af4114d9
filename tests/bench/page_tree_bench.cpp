// Page tree: hashing a state, updating it, proving and checking pages of it.
// Run: build/release/bin/bench_page_tree. Prints one line an operation: name, time, and what it is
// for.
#include <fmt/core.h>

#include <string_view>

#include "common/codec.hpp"
#include "common/page_proof.hpp"
#include "common/page_stream.hpp"
#include "common/rng.hpp"
#include "common/sodium_init.hpp"
#include "common/sparse_page_tree.hpp"
#include "tests/bench/stopwatch.hpp"

namespace millrace {
namespace {

constexpr std::uint64_t kPages = 16'384;  // 64 MiB
constexpr std::uint64_t kMemoryFirstPage = 0x0000'6000'0000'0000U >> 12U;

void run() {
    Rng rng(1);
    Bytes memory(kPages * kTreePageSize);
    rng.fill(memory);
    const auto page = [&](std::uint64_t i) {
        return ByteView(memory).subspan(i * kTreePageSize, kTreePageSize);
    };

    std::vector<Subtree> parts(kPages);
    SparsePageTree tree;
    bench::report("page_tree/root_of_state/mib:64", "16,384 pages hashed and placed", [&] {
        for (std::uint64_t i = 0; i < kPages; ++i)
            parts[i] = {0, kMemoryFirstPage + i, page_hash(page(i))};
        tree = SparsePageTree();
        tree.update(parts);
    });
    bench::report("page_tree/place_only/pages:16384", "the same without the pages' own hashes",
                  [&] {
                      tree = SparsePageTree();
                      tree.update(parts);
                  });
    fmt::print("{:<48} {:>10} bytes a page\n", "page_tree/memory/pages:16384",
               tree.memory_size() / tree.entry_count());

    std::vector<Subtree> dirty;
    for (std::uint64_t i = 0; i < kPages; i += 16) dirty.push_back(parts[i]);
    bench::report("page_tree/update/dirty:1024", "1,024 scattered dirty pages, hashed", [&] {
        for (Subtree& part : dirty) part.root = page_hash(page(part.index - kMemoryFirstPage));
        tree.update(dirty);
    });
    bench::report("page_tree/join/subtrees:4", "a task's first state from known roots", [&] {
        const std::vector<Subtree> known = {{0, 0, parts[0].root},
                                            {0, 1, parts[1].root},
                                            {34, 1, parts[2].root},
                                            {32, std::uint64_t{1} << 19U, parts[3].root}};
        bench::keep(join_subtrees(kPageTreeLevels, known));
    });

    for (const std::uint64_t count : {1U, 16U, 256U}) {
        std::vector<std::uint64_t> pages;
        std::vector<Hash> leaves;
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t at = i * kPages / count + rng.below(kPages / count);
            pages.push_back(kMemoryFirstPage + at);
            leaves.push_back(parts[at].root);
        }
        PageProof proof;
        bench::report(fmt::format("page_proof/make/pages:{}", count), "",
                      [&] { proof = *make_page_proof(tree, pages); });
        bench::report(fmt::format("page_proof/check/pages:{}", count),
                      "without the pages' own hashes",
                      [&] { bench::keep(*proven_root(proof, leaves)); });
        fmt::print("{:<48} {:>10} bytes beside the contents\n",
                   fmt::format("page_proof/size/pages:{}", count), encode(proof).size());
    }
    bench::report("page_tree/stream/mib:64", "a blob's root, pushed by 64 KiB", [&] {
        PageTreeHasher hasher(kRegionLevels, kChunkLevels);
        bool fits = true;
        for (std::size_t at = 0; at < memory.size(); at += 65'536)
            fits = fits && hasher.push(ByteView(memory).subspan(at, 65'536));
        bench::keep(hasher.finish());
    });
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
    // libsodium chooses its BLAKE2b by the processor's features when it is initialised; until then
    // the portable one runs, which is the faster of the two on some processors.
    const bool portable = argc == 2 && std::string_view(argv[1]) == "--portable";
    if (!portable && !millrace::init_sodium().has_value()) return 1;
    millrace::run();
    return 0;
}

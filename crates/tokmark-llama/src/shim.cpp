// llama_get_memory_breakdown is declared only in llama.cpp's staging header, which the
// bindings don't install. These declarations mirror that header of the pinned version. The
// engine's test of where weights lie shows a mismatch.

#include <cstddef>
#include <cstdint>
#include <map>

struct llama_context;
struct ggml_backend_buffer_type;
typedef struct ggml_backend_buffer_type * ggml_backend_buffer_type_t;

struct llama_memory_breakdown_data {
    size_t model   = 0;
    size_t context = 0;
    size_t compute = 0;
};

using llama_memory_breakdown = std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data>;

llama_memory_breakdown llama_get_memory_breakdown(const struct llama_context * ctx);

extern "C" {

struct tokmark_buffer_use {
    ggml_backend_buffer_type_t buffer_type;
    uint64_t model;
    uint64_t context;
    uint64_t compute;
};

// Fills at most `capacity` entries, one per buffer type, and returns how many there are.
size_t tokmark_memory_breakdown(const struct llama_context * ctx, struct tokmark_buffer_use * out,
                                size_t capacity) {
    size_t n = 0;
    for (const auto & entry : llama_get_memory_breakdown(ctx)) {
        if (n < capacity) {
            out[n] = { entry.first, entry.second.model, entry.second.context, entry.second.compute };
        }
        n++;
    }
    return n;
}

}

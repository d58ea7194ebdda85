// SPDX-License-Identifier: Apache-2.0
/*
 * A language model behind HTTP, on llama.cpp. The body of POST /completion?n_predict=N&seed=N&top_k=N&temperature=X is a prompt (the
 * parameters may be missing); the answer is the text that follows it, each token a chunk as soon as it is computed. Requests are served side by
 * side, each with a context of its own.
 *
 * llama-server --model FILE [--host ADDRESS] [--port N] [--threads N] [--ctx N]
 */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#define CPPHTTPLIB_TCP_NODELAY true
#include <httplib.h>
#include "ggml-cpu.h"
#include "llama.h"

namespace {

struct Options {
	std::string model, host = "127.0.0.1";
	int port = 8080, threads = 1;
	unsigned context = 2048;
};

template <auto release> struct Release {
	template <class T> void operator()(T *p) const { release(p); }
};
using Model = std::unique_ptr<llama_model, Release<llama_model_free>>;
using Context = std::unique_ptr<llama_context, Release<llama_free>>;
using Sampler = std::unique_ptr<llama_sampler, Release<llama_sampler_free>>;
using Threads = std::unique_ptr<lm_ggml_threadpool, Release<lm_ggml_threadpool_free>>;

bool number(const char *text, long min, long max, long &value)
{
	char *end;
	value = strtol(text, &end, 10);
	return end != text && !*end && value >= min && value <= max;
}

/* What the request asks for is at fault, not the server. */
struct BadRequest : std::runtime_error {
	using std::runtime_error::runtime_error;
};

long parameter(const httplib::Request &request, const char *name, long fallback, long min, long max)
{
	long value = fallback;
	if (request.has_param(name) && !number(request.get_param_value(name).c_str(), min, max, value)) throw BadRequest(std::string(name) + " is out of range");
	return value;
}

/* One text that grows by a token at a time. */
class Completion {
public:
	Completion(llama_model &model, const Options &options, const httplib::Request &request);
	bool next(std::string &piece);

private:
	std::vector<llama_token> tokenize(const std::string &text) const;
	void decode(llama_token *tokens, size_t n);
	llama_model *model;
	long left;
	Threads threads; /* outlives the context, which uses it */
	Context context;
	Sampler sampler;
	llama_token token = -1;
};

Completion::Completion(llama_model &used, const Options &options, const httplib::Request &request)
	: model(&used), left(parameter(request, "n_predict", 128, 1, options.context))
{
	auto tokens = tokenize(request.body);
	if (tokens.size() + size_t(left) > options.context) throw BadRequest("prompt and n_predict do not fit into the context");
	long seed = parameter(request, "seed", 1, 0, UINT32_MAX), top_k = parameter(request, "top_k", 40, 1, INT32_MAX);
	float temperature = request.has_param("temperature") ? strtof(request.get_param_value("temperature").c_str(), nullptr) : 0.8f;

	auto pool = lm_ggml_threadpool_params_default(options.threads);
	threads.reset(lm_ggml_threadpool_new(&pool));
	auto params = llama_context_default_params();
	params.n_ctx = params.n_batch = options.context;
	params.n_threads = params.n_threads_batch = options.threads;
	context.reset(llama_new_context_with_model(model, params));
	if (!threads || !context) throw std::runtime_error("no memory for a context");
	llama_attach_threadpool(context.get(), threads.get(), threads.get());

	sampler.reset(llama_sampler_chain_init(llama_sampler_chain_default_params()));
	llama_sampler_chain_add(sampler.get(), llama_sampler_init_top_k(int32_t(top_k)));
	llama_sampler_chain_add(sampler.get(), llama_sampler_init_temp(temperature));
	llama_sampler_chain_add(sampler.get(), llama_sampler_init_dist(uint32_t(seed)));
	decode(tokens.data(), tokens.size());
}

std::vector<llama_token> Completion::tokenize(const std::string &text) const
{
	std::vector<llama_token> tokens(text.size() + 8); /* a token has a byte at least; some are added */
	int n = llama_tokenize(model, text.data(), int32_t(text.size()), tokens.data(), int32_t(tokens.size()), true, false);
	if (n <= 0) throw BadRequest("the prompt has no tokens");
	tokens.resize(size_t(n));
	return tokens;
}

void Completion::decode(llama_token *tokens, size_t n)
{
	if (llama_decode(context.get(), llama_batch_get_one(tokens, int32_t(n))) != 0) throw std::runtime_error("decoding failed");
}

/* The next token's text. False at the end. */
bool Completion::next(std::string &piece)
{
	if (left-- == 0) return false;
	if (token >= 0) decode(&token, 1);
	token = llama_sampler_sample(sampler.get(), context.get(), -1);
	if (llama_token_is_eog(model, token)) return false;
	char text[256];
	int n = llama_token_to_piece(model, token, text, sizeof(text), 0, true);
	piece.assign(text, size_t(n > 0 ? n : 0));
	return true;
}

void complete(llama_model &model, const Options &options, const httplib::Request &request, httplib::Response &response)
{
	std::shared_ptr<Completion> completion;
	try {
		completion = std::make_shared<Completion>(model, options, request);
	} catch (const BadRequest &e) {
		response.status = 400;
		response.set_content(std::string(e.what()) + "\n", "text/plain");
		return;
	}
	response.set_chunked_content_provider("text/plain", [completion](size_t, httplib::DataSink &sink) {
		std::string piece;
		if (!completion->next(piece)) sink.done();
		else if (!piece.empty() && !sink.write(piece.data(), piece.size())) return false; /* the client has gone */
		return true;
	});
}

bool parse(int argc, char **argv, Options &options)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		std::string name = argv[i];
		const char *value = argv[i + 1];
		long n;
		if (name == "--model") options.model = value;
		else if (name == "--host") options.host = value;
		else if (name == "--port" && number(value, 1, 65535, n)) options.port = int(n);
		else if (name == "--threads" && number(value, 1, 64, n)) options.threads = int(n);
		else if (name == "--ctx" && number(value, 32, 1 << 20, n)) options.context = unsigned(n);
		else return false;
	}
	return argc % 2 && !options.model.empty();
}

void errors_only(lm_ggml_log_level level, const char *text, void *)
{
	if (level == LM_GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

} // namespace

int main(int argc, char **argv)
{
	Options options;
	if (!parse(argc, argv, options)) {
		fputs("usage: llama-server --model FILE [--host ADDRESS] [--port N] [--threads N] [--ctx N]\n", stderr);
		return 2;
	}
	sigset_t ends; /* before there are threads, which inherit it */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, nullptr);

	llama_log_set(errors_only, nullptr);
	llama_backend_init();
	Model model(llama_model_load_from_file(options.model.c_str(), llama_model_default_params()));
	if (!model) {
		fprintf(stderr, "llama-server: %s cannot be loaded\n", options.model.c_str());
		return 1;
	}
	httplib::Server server;
	server.Post("/completion", [&](const httplib::Request &request, httplib::Response &response) { complete(*model, options, request, response); });
	server.Get("/health", [](const httplib::Request &, httplib::Response &response) { response.set_content("ok\n", "text/plain"); });
	if (!server.bind_to_port(options.host, options.port)) {
		fprintf(stderr, "llama-server: port %d of %s is taken\n", options.port, options.host.c_str());
		return 1;
	}
	printf("listening on %s:%d\n", options.host.c_str(), options.port);
	fflush(stdout);
	std::thread([&] {
		int signo;
		sigwait(&ends, &signo);
		server.stop();
	}).detach();
	server.listen_after_bind();
	model.reset();
	llama_backend_free();
	return 0;
}

/* Runs the `serving_default` signature of a SavedModel on lines of text.

     translate SAVED_MODEL --input TENSOR --texts TENSOR [--scores TENSOR] [--library FILE]...

   Reads one text a line from stdin and feeds up to BATCH of them at once as `string (B,)` to the
   tensor --input. Prints one line for each: the n-best texts of --texts, `string (B, N)`, with
   tabs between them; with --scores, `float32 (B, N)`, each text is followed by a tab and its
   score. A tensor is named as in the graph, operation:index. --library names a shared library
   of further ops. Whatever goes wrong is said in one line on stderr, with exit status 2; the
   lines that TensorFlow logs there get fewer with TF_CPP_MIN_LOG_LEVEL=3 in the environment. */

#define _GNU_SOURCE /* getline */
#include <errno.h>
#include <stdint.h>

#define PROGRAM "translate"
#include "saved_model.h"

enum { BATCH = 64 };

static const char usage[] =
    "wanted: translate SAVED_MODEL --input TENSOR --texts TENSOR [--scores TENSOR] "
    "[--library FILE]...";

typedef struct {
  TF_Graph* graph;
  TF_Session* session;
  TF_Output input;
  TF_Output outputs[2]; /* texts, scores */
  int output_count;     /* 1 without scores */
} Model;

static void load_library(const char* file) {
  TF_Status* status = TF_NewStatus();
  TF_Library* library = TF_LoadLibrary(file, status);
  check(status, file);
  TF_DeleteLibraryHandle(library); /* the ops stay registered */
  TF_DeleteStatus(status);
}

static Model load_model(const char* folder, const char* input, const char* texts,
                        const char* scores) {
  Model model = {.graph = TF_NewGraph(), .output_count = scores == NULL ? 1 : 2};
  model.session = open_session(folder, model.graph);
  model.input = find_tensor(model.graph, input);
  model.outputs[0] = find_tensor(model.graph, texts);
  if (scores != NULL) model.outputs[1] = find_tensor(model.graph, scores);
  return model;
}

/* Reads up to BATCH lines into `texts`, a new string tensor (B,). Returns B, 0 at the end. */
static int read_batch(FILE* file, TF_Tensor** texts) {
  char* lines[BATCH] = {NULL};
  size_t lengths[BATCH];
  int count = 0;
  for (; count < BATCH; ++count) {
    size_t capacity = 0;
    ssize_t length = getline(&lines[count], &capacity, file);
    if (length < 0) break;
    lengths[count] = (size_t)length - (lines[count][length - 1] == '\n');
  }
  int64_t shape[] = {count};
  *texts = TF_AllocateTensor(TF_STRING, shape, 1, (size_t)count * sizeof(TF_TString));
  TF_TString* strings = TF_TensorData(*texts);
  for (int i = 0; i < count; ++i) {
    TF_StringInit(&strings[i]);
    TF_StringCopy(&strings[i], lines[i], lengths[i]);
  }
  for (int i = 0; i < BATCH; ++i) free(lines[i]); /* a failed getline allocates too */
  return count;
}

static void check_result(const TF_Tensor* tensor, TF_DataType type, int count, const char* wanted) {
  if (TF_TensorType(tensor) != type || TF_NumDims(tensor) != 2 || TF_Dim(tensor, 0) != count ||
      TF_Dim(tensor, 1) < 1) {
    fail(wanted, "the model's tensor has another type or shape");
  }
}

static void print_results(TF_Tensor** results, int result_count, int count) {
  check_result(results[0], TF_STRING, count, "--texts must be string (B, N)");
  int64_t n_best = TF_Dim(results[0], 1);
  const TF_TString* texts = TF_TensorData(results[0]);
  const float* scores = NULL;
  if (result_count == 2) {
    check_result(results[1], TF_FLOAT, count, "--scores must be float32 (B, N)");
    if (TF_Dim(results[1], 1) != n_best) fail("--scores", "there is not one for each text");
    scores = TF_TensorData(results[1]);
  }
  for (int64_t i = 0; i < count * n_best; ++i) {
    fwrite(TF_StringGetDataPointer(&texts[i]), 1, TF_StringGetSize(&texts[i]), stdout);
    if (scores != NULL) printf("\t%.9g", scores[i]); /* 9 digits give back any float32 */
    putchar((i + 1) % n_best == 0 ? '\n' : '\t');
  }
  if (fflush(stdout) != 0) fail("stdout", strerror(errno));
}

static void translate(const Model* model, FILE* file) {
  TF_Status* status = TF_NewStatus();
  TF_Tensor* texts;
  int count;
  while ((count = read_batch(file, &texts)) > 0) {
    TF_Tensor* results[2] = {NULL, NULL};
    TF_SessionRun(model->session, NULL, &model->input, &texts, 1, model->outputs, results,
                  model->output_count, NULL, 0, NULL, status);
    check(status, "the model failed");
    print_results(results, model->output_count, count);
    for (int i = 0; i < model->output_count; ++i) TF_DeleteTensor(results[i]);
    TF_DeleteTensor(texts); /* and its strings */
  }
  TF_DeleteTensor(texts);
  TF_DeleteStatus(status);
}

int main(int argc, char** argv) {
  const char *input = NULL, *texts = NULL, *scores = NULL;
  if (argc < 2) fail("no SavedModel", usage);
  for (int i = 2; i < argc; i += 2) {
    const char *flag = argv[i], *value = argv[i + 1];
    if (value == NULL) fail(flag, usage);
    if (strcmp(flag, "--input") == 0) input = value;
    else if (strcmp(flag, "--texts") == 0) texts = value;
    else if (strcmp(flag, "--scores") == 0) scores = value;
    else if (strcmp(flag, "--library") == 0) load_library(value);
    else fail(flag, usage);
  }
  if (input == NULL || texts == NULL) fail("--input and --texts are needed", usage);
  Model model = load_model(argv[1], input, texts, scores);
  translate(&model, stdin);
  close_session(model.session, model.graph);
  return 0;
}

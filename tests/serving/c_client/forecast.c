/* Runs the `serving_default` signature of a SavedModel of a forecaster on the history of a series.

     forecast SAVED_MODEL --history TENSOR --forecast TENSOR

   Reads one row a line from stdin, its values with blanks or tabs between them, `nan` where one is
   missing, and feeds them as `float32 (1, L, C)` to the tensor --history. Prints the tensor
   --forecast, `float32 (1, H, C)`, a row a line. A tensor is named as in the graph,
   operation:index. What goes wrong is said in one line on stderr, with exit status 2. */

#define _GNU_SOURCE /* getline */
#include <errno.h>
#include <stdint.h>

#define PROGRAM "forecast"
#include "saved_model.h"

static const char usage[] = "wanted: forecast SAVED_MODEL --history TENSOR --forecast TENSOR";

typedef struct {
  float* values;
  size_t count, capacity;
  size_t rows, columns;
} Table;

static void append(Table* table, float value) {
  if (table->count == table->capacity) {
    table->capacity = table->capacity ? 2 * table->capacity : 64;
    table->values = realloc(table->values, table->capacity * sizeof(float));
    if (table->values == NULL) fail("stdin", strerror(errno));
  }
  table->values[table->count++] = value;
}

static Table read_table(FILE* file) {
  Table table = {NULL, 0, 0, 0, 0};
  char* line = NULL;
  size_t size = 0;
  while (getline(&line, &size, file) >= 0) {
    size_t before = table.count;
    char *at = line, *end;
    for (float value = strtof(at, &end); end != at; value = strtof(at, &end)) {
      append(&table, value);
      at = end;
    }
    at += strspn(at, " \t\r\n");
    if (*at != '\0') fail("stdin", "a line holds numbers with blanks or tabs between them");
    if (table.rows++ == 0) table.columns = table.count;
    if (table.count - before != table.columns || table.columns == 0)
      fail("stdin", "each line holds as many numbers as the first one, and at least one");
  }
  free(line);
  return table;
}

static TF_Tensor* tensor_of(const Table* table) {
  int64_t columns = table->rows ? (int64_t)table->columns : 1;
  int64_t shape[] = {1, (int64_t)table->rows, columns};
  TF_Tensor* tensor = TF_AllocateTensor(TF_FLOAT, shape, 3, table->count * sizeof(float));
  if (table->count) memcpy(TF_TensorData(tensor), table->values, table->count * sizeof(float));
  return tensor;
}

static void print_steps(const TF_Tensor* tensor) {
  if (TF_TensorType(tensor) != TF_FLOAT || TF_NumDims(tensor) != 3 || TF_Dim(tensor, 0) != 1)
    fail("--forecast must be float32 (1, H, C)", "the model's tensor has another type or shape");
  const float* value = TF_TensorData(tensor);
  for (int64_t step = 0; step < TF_Dim(tensor, 1); ++step) {
    for (int64_t column = 0; column < TF_Dim(tensor, 2); ++column)
      printf(column ? "\t%.9g" : "%.9g", *value++);
    putchar('\n');
  }
  if (fflush(stdout) != 0) fail("stdout", strerror(errno));
}

int main(int argc, char** argv) {
  const char *history = NULL, *forecast = NULL;
  if (argc < 2) fail("no SavedModel", usage);
  for (int i = 2; i < argc; i += 2) {
    if (argv[i + 1] == NULL) fail(argv[i], usage);
    if (strcmp(argv[i], "--history") == 0) history = argv[i + 1];
    else if (strcmp(argv[i], "--forecast") == 0) forecast = argv[i + 1];
    else fail(argv[i], usage);
  }
  if (history == NULL || forecast == NULL) fail("--history and --forecast are needed", usage);
  TF_Graph* graph = TF_NewGraph();
  TF_Session* session = open_session(argv[1], graph);
  TF_Output input = find_tensor(graph, history), output = find_tensor(graph, forecast);
  Table table = read_table(stdin);
  TF_Tensor *fed = tensor_of(&table), *found = NULL;
  TF_Status* status = TF_NewStatus();
  TF_SessionRun(session, NULL, &input, &fed, 1, &output, &found, 1, NULL, 0, NULL, status);
  check(status, "the model failed");
  print_steps(found);
  TF_DeleteTensor(found);
  TF_DeleteTensor(fed);
  TF_DeleteStatus(status);
  free(table.values);
  close_session(session, graph);
  return 0;
}
